//! Listening, plain or over TLS with a certificate that is made at the start.

use alloc::sync::Arc;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many connections wait to be served.
const WAITING: usize = 64;

/// What a server may speak in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Plain,
    Tls,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls => "https",
        }
    }
}

/// A connection, plain or not.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

type Connection = (Box<dyn Io>, SocketAddr);

/// Gives connections that are ready to be read; handshakes do not hold each other up.
pub(crate) struct Listener {
    ready: mpsc::Receiver<Connection>,
    address: SocketAddr,
}

impl Listener {
    pub(crate) async fn bind(port: u16, scheme: Scheme) -> io::Result<Self> {
        let tcp = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = tcp.local_addr()?;
        let tls = match scheme {
            Scheme::Plain => None,
            Scheme::Tls => Some(TlsAcceptor::from(Arc::new(config()?))),
        };
        let (sender, ready) = mpsc::channel(WAITING);
        tokio::spawn(accept(tcp, tls, sender));
        Ok(Self { ready, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    pub(crate) async fn next(&mut self) -> Connection {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The task that accepts ends when nobody asks any more.
            None => core::future::pending().await,
        }
    }
}

impl axum::serve::Listener for Listener {
    type Io = Box<dyn Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Connection {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Listens as long as there is somebody to hand connections to.
async fn accept(tcp: TcpListener, tls: Option<TlsAcceptor>, sender: mpsc::Sender<Connection>) {
    loop {
        let (stream, address) = tokio::select! {
            accepted = tcp.accept() => match accepted {
                Ok(accepted) => accepted,
                // A client that left already, or a shortage of sockets, which passes when others leave.
                Err(_) => {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = sender.closed() => return,
        };
        // Events are small and shall leave at once. Where this fails, writing will, too.
        let _ = stream.set_nodelay(true);
        let (tls, sender) = (tls.clone(), sender.clone());
        tokio::spawn(async move {
            if let Some(io) = shaken(stream, tls).await {
                let _served = sender.send((io, address)).await;
            }
        });
    }
}

async fn shaken(stream: TcpStream, tls: Option<TlsAcceptor>) -> Option<Box<dyn Io>> {
    let Some(tls) = tls else { return Some(Box::new(stream)) };
    let stream = timeout(HANDSHAKE, tls.accept(stream)).await.ok()?.ok()?;
    Some(Box::new(stream))
}

/// A certificate for this machine, and HTTP/2 before HTTP/1.1.
pub(crate) fn config() -> io::Result<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.map_err(io::Error::other)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let config = builder.with_no_client_auth().with_single_cert(vec![made.cert.into()], key.into());
    let mut config = config.map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
