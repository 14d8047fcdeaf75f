//! The adapters' contract, on actix-web over HTTP/1.1.

use actix_http::{HttpService, KeepAlive};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, map_config};
use actix_web::dev::AppConfig;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, Responder};
use core::time::Duration;
use sse_actix::{LastEventId, Sse, refuse};
use sse_testkit::contract::{Adapter, Answer, App};
use tokio::io::DuplexStream;

async fn events(app: Data<App>, LastEventId(id): LastEventId, request: HttpRequest) -> HttpResponse {
    if let Some((profile, wait)) = app.refusal() {
        return refuse(profile, wait);
    }
    let Answer { source, options } = app.answer(id);
    let head = app.head();
    let status = StatusCode::from_u16(head.status).unwrap_or_default();
    let mut response = Sse::new(source).with_options(options).customize().with_status(status);
    for header in &head.headers {
        response = response.insert_header(*header);
    }
    for cookie in &head.cookies {
        response = response.append_header(("set-cookie", *cookie));
    }
    response.respond_to(&request).map_into_boxed_body()
}

struct Http1;

impl Adapter for Http1 {
    const IS_HTTP2: bool = false;

    /// As `HttpServer` does, on a pipe.
    async fn serve(io: DuplexStream, app: App) {
        let app = actix_web::App::new().app_data(Data::new(app)).service(web::resource("/events").to(events));
        let service = HttpService::build()
            .keep_alive(KeepAlive::Os)
            // Its deadline is taken from the wall clock, which the scenarios' clock runs ahead of.
            .client_request_timeout(Duration::ZERO)
            .h1_allow_half_closed(false)
            .h1(map_config(app.into_factory(), |()| AppConfig::default()));
        let service = service.new_service(()).await;
        if let Ok(service) = service {
            drop(service.call((io, None)).await);
        }
    }
}

sse_testkit::contract_tests!(over_http1, Http1);
