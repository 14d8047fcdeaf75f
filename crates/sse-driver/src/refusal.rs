use crate::driver::random_seed;
use core::time::Duration;
use sse_core::random::part_of;
use sse_core::{ClientProfile, Refusal};

/// Refuses a request for now, or for good where `wait` is `None`, in the way that its kind of client understands.
///
/// The time is spread: each client gets a random one of `wait` to one and a half times as much, so that those who are refused
/// together do not come back together.
///
/// ```
/// use core::time::Duration;
/// use sse_driver::sse_core::ClientProfile;
///
/// let refusal = sse_driver::refusal(ClientProfile::OpenAi, Some(Duration::from_secs(20)));
/// assert!((20..=30).contains(&refusal.retry_after().unwrap()));
/// assert_eq!(sse_driver::refusal(ClientProfile::EventSource, None).status(), 204);
/// ```
#[must_use]
pub fn refusal(profile: ClientProfile, wait: Option<Duration>) -> Refusal {
    let Some(wait) = wait else { return profile.refuse() };
    profile.refuse_for(wait.saturating_add(part_of(wait / 2, random_seed())))
}
