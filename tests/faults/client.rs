//! A client that sees every byte, and that can misbehave as no real one would let a test make it.

use super::within;
use core::time::Duration;
use flate2::write::GzDecoder;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The head of a response.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
        let fields = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status, fields }
    }

    /// All values of a field.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|field| field.0 == name).map(|field| &*field.1).collect()
    }

    /// The fields, sorted, but for the framing, which HEAD may leave out, and the time.
    pub(crate) fn lasting_fields(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter().map(|(name, value)| (&**name, &**value));
        let mut fields: Vec<_> =
            fields.filter(|(name, _)| !["transfer-encoding", "date"].contains(name)).collect();
        fields.sort_unstable();
        fields
    }
}

/// How much of what a client sends a server takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it.
    All,
    /// The connection ended before that.
    UntilTheEnd,
    /// It took no more, for seconds.
    UntilItIsStuck,
}

/// An HTTP/1.1 connection whose response is read as far as the test asks, and not a byte more.
pub(crate) struct Client {
    socket: TcpStream,
    unread: Vec<u8>,
    gzip: Option<GzDecoder<Vec<u8>>>,
}

impl Client {
    /// Connects with a small receive buffer.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let socket = within("connecting", socket.connect(address)).await.unwrap();
        Self::over(socket)
    }

    /// Uses a connection that was made elsewhere.
    pub(crate) fn over(socket: TcpStream) -> Self {
        Self { socket, unread: Vec::new(), gzip: None }
    }

    /// Connects, asks, and reads the head.
    pub(crate) async fn open(address: SocketAddr, method: &str, path: &str, fields: &str) -> (Head, Self) {
        let mut client = Self::connect(address).await;
        let head = client.ask(method, path, fields).await;
        (head, client)
    }

    /// Connects, asks with GET, and reads the head of a stream.
    pub(crate) async fn get(address: SocketAddr, path: &str) -> (Head, Self) {
        let (head, client) = Self::open(address, "GET", path, "").await;
        assert_eq!(head.status, 200);
        (head, client)
    }

    /// Asks and reads the head.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, fields: &str) -> Head {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
        self.send(request.as_bytes()).await;
        self.head().await
    }

    /// Reads a head.
    pub(crate) async fn head(&mut self) -> Head {
        let head = self.bytes_until(b"\r\n\r\n").await;
        let head = Head::parse(core::str::from_utf8(&head).unwrap().trim_end());
        self.gzip = (head.values("content-encoding") == ["gzip"]).then(|| GzDecoder::new(Vec::new()));
        head
    }

    /// Sends bytes, whatever they mean.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        within("sending", self.socket.write_all(bytes)).await.unwrap();
    }

    /// Sends up to so many bytes that are no HTTP.
    pub(crate) async fn send_garbage(&mut self, limit: usize) -> Taken {
        const WHILE: Duration = Duration::from_secs(5);
        let (garbage, mut sent) = (vec![b'x'; 64 * 1024], 0);
        while sent < limit {
            match tokio::time::timeout(WHILE, self.socket.write(&garbage)).await {
                Ok(Ok(len)) => sent += len,
                Ok(Err(_)) => return Taken::UntilTheEnd,
                Err(_) => return Taken::UntilItIsStuck,
            }
        }
        Taken::All
    }

    /// Reads, and forgets what it reads, as long as the connection lasts.
    pub(crate) async fn read_on(mut self) {
        let mut buffer = vec![0; 64 * 1024];
        while self.socket.read(&mut buffer).await.is_ok_and(|len| len > 0) {}
    }

    /// Reads a single byte, if there is one still to come.
    pub(crate) async fn byte(&mut self) {
        let _is_open = within("a byte", self.socket.read(&mut [0])).await;
    }

    /// Reads until the connection has ended, in whatever way, or `text` has come. Says what came.
    pub(crate) async fn until_gone_or(&mut self, text: &str) -> String {
        loop {
            let read = within("the end", self.socket.read_buf(&mut self.unread)).await;
            let body = String::from_utf8_lossy(&self.unread);
            if read.is_ok_and(|len| len > 0) && !body.contains(text) {
                continue;
            }
            return body.into_owned();
        }
    }

    /// Asks with a method, a path and fields as clients of HTTP/1.0 do, and reads until the server closes the connection.
    pub(crate) async fn whole_over_http_1_0(
        address: SocketAddr,
        method: &str,
        path: &str,
        fields: &str,
    ) -> (Head, String) {
        let mut client = Self::connect(address).await;
        let request = format!("{method} {path} HTTP/1.0\r\n{fields}\r\n");
        client.socket.write_all(request.as_bytes()).await.unwrap();
        let head = client.bytes_until(b"\r\n\r\n").await;
        let head = Head::parse(core::str::from_utf8(&head).unwrap().trim_end());
        while client.fill().await {}
        (head, String::from_utf8(client.unread).unwrap())
    }

    /// Reads and unzips the next chunk; `None` stands for the last one, which says that the response is complete.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = self.bytes_until(b"\r\n").await;
        let size = usize::from_str_radix(core::str::from_utf8(&size).unwrap().trim_end(), 16).unwrap();
        while self.unread.len() < size + 2 {
            assert!(self.fill().await, "the connection broke off within a chunk");
        }
        let chunk: Vec<u8> = self.unread.drain(..size).collect();
        assert_eq!(self.unread.drain(..2).as_slice(), b"\r\n");
        let text = match &mut self.gzip {
            Some(gzip) => {
                gzip.write_all(&chunk).unwrap();
                gzip.flush().unwrap();
                core::mem::take(gzip.get_mut())
            }
            None => chunk,
        };
        (size > 0).then(|| String::from_utf8(text).unwrap())
    }

    /// Reads chunks until `text` has come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut body = String::new();
        while !body.contains(text) {
            body += &self.chunk().await.unwrap_or_else(|| panic!("the end came before {text:?}: {body:?}"));
        }
        body
    }

    /// Reads the rest of a response that ends as it should.
    pub(crate) async fn rest(&mut self) -> String {
        let mut body = String::new();
        while let Some(chunk) = self.chunk().await {
            body += &chunk;
        }
        body
    }

    /// Waits until the server has closed the connection, which has nothing more to say.
    pub(crate) async fn expect_closed(&mut self) {
        assert!(!self.fill().await);
        assert_eq!(self.unread, b"");
    }

    /// Leaves with a reset.
    pub(crate) fn reset(self) {
        self.socket.set_zero_linger().unwrap();
    }

    async fn bytes_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return self.unread.drain(..at + end.len()).collect();
            }
            assert!(self.fill().await, "the connection broke off: {:?}", self.unread);
        }
    }

    async fn fill(&mut self) -> bool {
        within("the server's next bytes", self.socket.read_buf(&mut self.unread)).await.unwrap() > 0
    }
}

/// A thread that reads a stream as fast as it can, until it is dropped.
pub(crate) struct FloodReader(Socket);

impl FloodReader {
    pub(crate) fn start(address: SocketAddr, path: &str) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.connect(&address.into()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut reader = socket.try_clone().unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        std::thread::spawn(move || {
            reader.write_all(request.as_bytes()).unwrap();
            let mut buffer = vec![0; 64 * 1024];
            while reader.read(&mut buffer).is_ok_and(|len| len > 0) {}
        });
        Self(socket)
    }
}

impl Drop for FloodReader {
    fn drop(&mut self) {
        let _is_open = self.0.shutdown(std::net::Shutdown::Both);
    }
}
