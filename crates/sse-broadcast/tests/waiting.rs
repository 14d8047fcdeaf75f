//! Streams that wait: polled for nothing, by one task or by several, they hear of everything that they wait for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use futures_core::Stream;
use sse_broadcast::{Broadcaster, Delivery, Settings, Subscription};
use sse_core::CloseReason;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that polls, and counts how often it was woken.
#[derive(Default)]
struct Task(Arc<Wakes>);

impl Task {
    fn poll(&self, stream: &mut Subscription) -> Poll<Option<Delivery>> {
        let waker = Waker::from(Arc::clone(&self.0));
        Pin::new(stream).poll_next(&mut Context::from_waker(&waker))
    }

    /// Polls for nothing.
    fn wait(&self, stream: &mut Subscription) {
        assert_eq!(self.poll(stream), Poll::Pending);
    }

    fn read(&self, stream: &mut Subscription) {
        assert!(matches!(self.poll(stream), Poll::Ready(Some(Delivery::Frame(_)))));
    }

    fn wakes(&self) -> usize {
        self.0.0.swap(0, Ordering::SeqCst)
    }
}

fn waiting(hub: &Broadcaster, topics: &[&str], task: &Task) -> Subscription {
    let mut stream = hub.subscribe(topics.iter().copied(), None).unwrap();
    task.read(&mut stream);
    task.wait(&mut stream);
    stream
}

#[test]
fn a_stream_that_was_polled_for_nothing_is_woken_once_and_has_the_event() {
    let (hub, task) = (Broadcaster::new(Settings::new()), Task::default());
    for topics in [&["a"][..], &["a", "b"]] {
        let mut stream = waiting(&hub, topics, &task);
        for _ in 0..3 {
            task.wait(&mut stream);
            hub.publish("elsewhere", "x").unwrap();
            task.wait(&mut stream);
            task.wait(&mut stream);
            assert_eq!(task.wakes(), 0);
            hub.publish("a", "x").unwrap();
            assert_eq!(task.wakes(), 1);
            task.read(&mut stream);
            task.wait(&mut stream);
        }
    }
}

#[test]
fn of_several_tasks_the_one_that_polled_last_is_woken() {
    let (hub, tasks) = (Broadcaster::new(Settings::new()), [(); 2].map(|()| Task::default()));
    let mut stream = waiting(&hub, &["a"], &tasks[0]);
    for polls in [&[0, 1][..], &[0, 0, 1, 1], &[1, 0], &[1, 1, 0, 1, 0, 0]] {
        polls.iter().for_each(|task| tasks[*task].wait(&mut stream));
        hub.publish("a", "x").unwrap();
        let last = *polls.last().unwrap();
        assert_eq!([tasks[last].wakes(), tasks[1 - last].wakes()], [1, 0], "{polls:?}");
        tasks[last].read(&mut stream);
    }
}

#[test]
fn a_stream_that_was_polled_for_nothing_hears_of_the_end() {
    let (hub, task) = (Broadcaster::new(Settings::new()), Task::default());
    let mut stream = waiting(&hub, &["a"], &task);
    task.wait(&mut stream);
    hub.shutdown();
    assert_eq!(task.wakes(), 1);
    assert_eq!(task.poll(&mut stream), Poll::Ready(Some(Delivery::Close(CloseReason::Shutdown))));
    assert_eq!(task.poll(&mut stream), Poll::Ready(None));
}
