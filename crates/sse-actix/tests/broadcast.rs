//! A broadcaster's route, on actix-web over HTTP/1.1.

#![allow(clippy::unwrap_used, reason = "tests")]

use actix_http::{HttpService, KeepAlive};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, map_config};
use actix_web::dev::AppConfig;
use actix_web::{App, HttpServer, web};
use core::pin::Pin;
use sse_actix::broadcast::{self, Broadcaster};
use sse_testkit::contract::{self, Broadcasts, NEWS};
use std::net::TcpListener;
use tokio::io::DuplexStream;

fn events(hub: Broadcaster) -> actix_web::Resource {
    let events = broadcast::route(hub, [NEWS]);
    web::resource("/events").route(web::get().to(events.clone())).route(web::head().to(events))
}

struct Actix;

impl Broadcasts for Actix {
    const IS_HTTP2: bool = false;

    /// As `HttpServer` does, on a pipe.
    async fn serve(io: DuplexStream, hub: Broadcaster) {
        let app = App::new().service(events(hub));
        let service = HttpService::build()
            .keep_alive(KeepAlive::Os)
            .h1_allow_half_closed(false)
            .h1(map_config(app.into_factory(), |()| AppConfig::default()));
        let service = service.new_service(()).await;
        if let Ok(service) = service {
            drop(service.call((io, None)).await);
        }
    }

    fn start(listener: TcpListener, hub: Broadcaster) -> Pin<Box<dyn Future<Output = ()>>> {
        let server = HttpServer::new(move || App::new().service(events(hub.clone())))
            .workers(1)
            .disable_signals()
            .h1_allow_half_closed(false)
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        let server = tokio::spawn(server);
        Box::pin(async move {
            handle.stop(true).await;
            server.await.unwrap().unwrap();
        })
    }
}

sse_testkit::broadcast_tests!(over_http1, Actix);

#[tokio::test]
async fn b04_a_shutdown_ends_the_streams_and_the_server() {
    contract::b04_a_shutdown_ends_the_streams_and_the_server::<Actix>().await;
}

#[test]
fn b03_a_client_that_reads_a_byte_a_second_costs_the_others_nothing() {
    contract::run(contract::b03_a_client_that_reads_a_byte_a_second_costs_the_others_nothing::<Actix>());
}
