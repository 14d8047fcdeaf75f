//! The streams on actix-web.

use crate::PAGE;
use crate::asked::Asked;
use crate::listen::{self, Scheme};
use crate::stop::Stop;
use crate::streams::{Reply, Streams};
use crate::wire::Shaped;
use actix_web::body::BoxBody;
use actix_web::dev::Service;
use actix_web::http::Method;
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data, Path, PayloadConfig, get, post, route};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, HttpServer, Responder};
use socket2::SockRef;
use sse_actix::broadcast::outcome_header;
use sse_actix::sse_core::head::LAST_EVENT_ID;
use sse_actix::{ClientProfile, LastEventId, Source, Sse, refuse};
use std::io;
use std::net::TcpListener;

const MAX_BODY: usize = 2 * 1024 * 1024;

pub(crate) async fn serve(port: u16, scheme: Scheme) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    // Events are small and shall leave at once: accepted sockets inherit this.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    let stop = Stop::on_signals()?;
    let shared = Data::new(Streams::new(stop.clone()));
    println!("listening on {}://{}/", scheme.as_str(), listener.local_addr()?);
    let server = HttpServer::new(move || {
        let noted = shared.clone();
        // GET and HEAD.
        App::new()
            .app_data(shared.clone())
            .app_data(PayloadConfig::new(MAX_BODY))
            .wrap_fn(move |request, service| {
                let asked = asked(request.request());
                noted.state.arrived(&asked, format!("{:?}", request.version()));
                request.extensions_mut().insert(asked);
                service.call(request)
            })
            .route("/", get().to(async || HttpResponse::Ok().content_type(ContentType::html()).body(PAGE)))
            .route("/cases.json", get().to(async |streams: Data<Streams>| json(streams.cases_json())))
            .route("/state", get().to(async |streams: Data<Streams>| json(streams.state.to_json())))
            .route("/topic/{name}", post().to(publish))
            .route("/topic/{name}", route().to(topic))
            .route("/case/{name}", route().to(case))
            .route("/count", route().to(count))
            .route("/quiet", route().to(quiet))
            .route("/retry", route().to(retry))
            .route("/close", route().to(close))
            .route("/gone", route().to(async || refuse(ClientProfile::EventSource, None)))
    })
    .workers(2)
    // Without this, the client of an idle stream leaves unnoticed.
    .h1_allow_half_closed(false)
    // The streams end by themselves; this is for connections that clients keep open behind them.
    .shutdown_timeout(1)
    .shutdown_signal(stop.pressed());
    let server = match scheme {
        Scheme::Plain => server.listen(listener)?,
        Scheme::Tls => server.listen_rustls_0_23(listener, listen::config()?)?,
    };
    server.run().await
}

async fn case(streams: Data<Streams>, name: Path<String>, request: HttpRequest) -> HttpResponse {
    match streams.case(&name, &asked(&request)) {
        Some(reply) => stream(&request, reply),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn count(streams: Data<Streams>, request: HttpRequest, LastEventId(seen): LastEventId) -> HttpResponse {
    stream(&request, streams.count(&asked(&request), seen))
}

async fn topic(
    streams: Data<Streams>,
    name: Path<String>,
    request: HttpRequest,
    LastEventId(seen): LastEventId,
) -> HttpResponse {
    let events = streams.topic(&name, seen.as_ref());
    let (name, value) = outcome_header(&events);
    let mut response = stream(&request, streams.topic_reply(&asked(&request), events));
    response.headers_mut().insert(name, value);
    response
}

async fn publish(streams: Data<Streams>, name: Path<String>, body: Bytes) -> HttpResponse {
    match streams.publish(&name, &body) {
        Ok(id) => HttpResponse::Ok().body(id),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn quiet(streams: Data<Streams>, request: HttpRequest) -> HttpResponse {
    stream(&request, streams.quiet(&asked(&request)))
}

async fn retry(streams: Data<Streams>, request: HttpRequest) -> HttpResponse {
    stream(&request, streams.retry(&asked(&request)))
}

async fn close(streams: Data<Streams>, request: HttpRequest, LastEventId(seen): LastEventId) -> HttpResponse {
    match streams.close(&asked(&request), seen.as_ref()) {
        Some(reply) => stream(&request, reply),
        None => refuse(ClientProfile::EventSource, None),
    }
}

fn stream(request: &HttpRequest, reply: Reply<impl Source + 'static>) -> HttpResponse {
    let sse = Sse::new(reply.source).with_options(reply.options);
    if request.method() == Method::HEAD {
        return sse.respond_to(request);
    }
    // The head of the library's response round the same body in another shape.
    let empty = Sse::iter([""; 0]).respond_to(request);
    let body = Shaped::new(sse.into_body(), reply.shape);
    empty.map_body(|_, _| BoxBody::new(body))
}

fn asked(request: &HttpRequest) -> Asked {
    let header = request.headers().get(LAST_EVENT_ID);
    Asked {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        raw_id: header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
    }
}

fn json(text: String) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(text)
}
