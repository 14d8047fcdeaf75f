//! The adapters' contract, on actix-web over HTTP/1.1.

use actix_http::{HttpService, KeepAlive};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, map_config};
use actix_web::dev::AppConfig;
use actix_web::web::{self, Data};
use sse_actix::{LastEventId, Sse};
use sse_testkit::contract::{Adapter, Answer, App, BoxSource};
use tokio::io::DuplexStream;

async fn events(app: Data<App>, LastEventId(id): LastEventId) -> Sse<BoxSource> {
    let Answer { source, options } = app.answer(id);
    Sse::new(source).with_options(options)
}

struct Http1;

impl Adapter for Http1 {
    const IS_HTTP2: bool = false;

    /// As `HttpServer` does, on a pipe.
    async fn serve(io: DuplexStream, app: App) {
        let app = actix_web::App::new()
            .app_data(Data::new(app))
            .service(web::resource("/events").route(web::get().to(events)).route(web::head().to(events)));
        let service = HttpService::build()
            .keep_alive(KeepAlive::Os)
            .h1_allow_half_closed(false)
            .h1(map_config(app.into_factory(), |()| AppConfig::default()));
        let service = service.new_service(()).await;
        if let Ok(service) = service {
            drop(service.call((io, None)).await);
        }
    }
}

sse_testkit::contract_tests!(over_http1, Http1);
