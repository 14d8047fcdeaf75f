//! What Server-Sent Events code is tested with: tests that neither hang nor sleep.
//!
//! A [`Collector`](collect::Collector) asks a service for an event stream, reads until there is a reason to stop, and says
//! what came, when, and why it stopped. Endless streams, silent ones and ones that flood come to an end all the same; a
//! handler that fails or panics is an error with its text, not an empty list of events.
//!
//! # On axum, and any tower service
//!
//! ```
//! # #[cfg(all(feature = "tower", feature = "html", feature = "conformance"))] mod example {
//! use axum::{Router, routing::get};
//! use core::time::Duration;
//! use sse_axum::broadcast::{self, Broadcaster, Settings};
//! use sse_axum::{Event, event_name};
//! use sse_testkit::collect::{Collector, End};
//! use sse_testkit::conformance::{Severity, lint};
//! use sse_testkit::html::assert_sse_wired;
//! use sse_testkit::tower::Tower;
//!
//! const PAGE: &str = r#"<b hx-ext="sse" sse-connect="/prices"><i sse-swap="price">none yet</i></b>"#;
//!
//! fn app(hub: &Broadcaster) -> Router {
//!     Router::new().route("/prices", get(broadcast::route(hub.clone(), ["prices"])))
//! }
//!
//! # /*
//! #[tokio::test(start_paused = true)] // heartbeats of minutes, at once
//! # */
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # pub(super)
//! async fn prices_reach_the_page() -> Result<(), Box<dyn core::error::Error>> {
//!     let hub = Broadcaster::new(Settings::new());
//!     hub.register_event(event_name!("price"));
//!     let app = Tower::new(app(&hub));
//!
//!     // Act between two events.
//!     let mut live = Collector::get("/prices").open(&app).await?;
//!     assert_eq!(live.next_event().await?.name, "sse:start"); // holds the first id
//!     hub.publish("prices", Event::new("42").with_name(event_name!("price")))?;
//!     assert_eq!(live.next_event().await?.data, "42");
//!     assert_eq!(live.read_for(Duration::from_secs(61)).await, End::Deadline);
//!     assert_eq!(live.so_far().heartbeats(), 4);
//!
//!     // The page listens to what comes, and the stream is one that proxies and clients get along with.
//!     let seen = live.leave();
//!     assert_sse_wired(PAGE, &seen);
//!     assert!(lint(&seen).iter().all(|finding| finding.severity() != Severity::Error));
//!
//!     // What was missed comes after the reconnection, and nothing twice.
//!     hub.publish("prices", Event::new("43").with_name(event_name!("price")))?;
//!     let again = seen.resume().with_pause(seen.reconnection_time()).with_max_events(1).collect(&app).await?;
//!     assert_eq!(again.data(), ["43"]);
//!     Ok(())
//! }
//! # }
//! # #[cfg(all(feature = "tower", feature = "html", feature = "conformance"))]
//! # fn main() { example::prices_reach_the_page().unwrap(); }
//! # #[cfg(not(all(feature = "tower", feature = "html", feature = "conformance")))]
//! # fn main() {}
//! ```
//!
//! # On actix-web
//!
//! ```
//! # #[cfg(feature = "actix")] mod example {
//! use actix_web::{App, Responder, test::init_service, web};
//! use core::time::Duration;
//! use sse_actix::{Event, LastEventId, PushError, Sender, Sse};
//! use sse_testkit::{actix::Actix, collect::Collector};
//!
//! async fn ticks(LastEventId(seen): LastEventId) -> impl Responder {
//!     let seen = seen.and_then(|id| id.as_u64()).unwrap_or(0);
//!     Sse::push(move |mut events: Sender| async move {
//!         for number in seen + 1.. {
//!             events.send(Event::new("tick").with_id(number)).await?;
//!             actix_web::rt::time::sleep(Duration::from_secs(60)).await;
//!         }
//!         Ok::<(), PushError>(())
//!     })
//! }
//!
//! # /*
//! #[actix_web::test]
//! # */
//! # #[actix_web::main]
//! # pub(super)
//! async fn a_tick_comes_every_minute() {
//!     tokio::time::pause(); // with tokio's feature `test-util`
//!     let app = Actix::new(init_service(App::new().route("/ticks", web::get().to(ticks))).await);
//!
//!     let ticks = Collector::get("/ticks").with_deadline(Duration::from_secs(140)).collect(&app).await.unwrap();
//!     let minutes: Vec<u64> = ticks.events.iter().map(|event| event.at.as_secs() / 60).collect();
//!     assert_eq!((minutes, ticks.heartbeats()), (vec![0, 1, 2], 7));
//!
//!     let resumed = ticks.resume().with_max_events(1).collect(&app).await.unwrap();
//!     assert_eq!(resumed.last_event_id, "4");
//! }
//! # }
//! # #[cfg(feature = "actix")]
//! # fn main() { example::a_tick_comes_every_minute(); }
//! # #[cfg(not(feature = "actix"))]
//! # fn main() {}
//! ```
//!
//! # The parts
//!
//! - `collect`: the client: [`Collector`](collect::Collector), [`Collected`](collect::Collected), [`Live`](collect::Live).
//! - `tower`, `actix`, `url`: who it asks: services in memory, servers on sockets, servers on pipes in memory.
//! - `html`: [`assert_sse_wired`](html::assert_sse_wired), whether a page of htmx listens to what a stream sends.
//! - `conformance`: [`lint`](conformance::lint) and [`check_server`](conformance::check_server), for any server.
//! - `contract`: the scenarios that every adapter has to keep, on virtual time; for authors of adapters.
//! - [`oracle`]: the standard's algorithm, written down line by line, to hold a decoder against.
//!
//! # Features
//!
//! None is on by default; each only adds.
//!
//! - `collect`: the client. All but `oracle` bring it along.
//! - `tower`: services in memory, axum's `Router` among them.
//! - `actix`: actix-web's services in memory.
//! - `url`: servers over HTTP/1.1 and HTTP/2, on sockets and pipes.
//! - `html`: whether a page listens to what a stream sends.
//! - `conformance`: lints for the streams of any server.
//! - `contract`: the scenarios, with the HTTP client they need.
//!
//! Needs Rust 1.89, as actix-web does.
#![cfg_attr(feature = "contract", allow(clippy::expect_used, reason = "it asserts"))]

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "collect")]
pub mod collect;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "html")]
pub mod html;
pub mod oracle;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "url")]
pub mod url;
