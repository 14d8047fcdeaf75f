//! nginx with nchan, which is published to with requests.

use super::orders::Order;
use super::{Setup, data};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where Debian's package `libnginx-mod-nchan` has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// Why there is no nchan here.
pub(super) fn is_missing() -> Option<String> {
    (!Path::new(MODULE).is_file())
        .then(|| "no nchan: the Debian package libnginx-mod-nchan has it".to_owned())
}

/// A configuration on disk, which goes with this value, and the connection that is published over.
pub(super) struct Nginx {
    folder: PathBuf,
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    number: u64,
}

impl Nginx {
    pub(super) fn configure(setup: Setup) -> io::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder =
            std::env::temp_dir().join(format!("sse-benches-nchan-{}-{}", std::process::id(), address.port()));
        std::fs::create_dir_all(&folder)?;
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", folder.join(kind).display()));
        let ping = setup.heartbeat.map_or_else(String::new, |every| {
            format!(
                "nchan_eventsource_ping_interval {}; nchan_eventsource_ping_comment beat;",
                every.as_secs()
            )
        });
        let configuration = format!(
            "load_module {MODULE};\n\
             daemon off;\nmaster_process off;\nerror_log stderr error;\npid {pid};\n\
             events {{ worker_connections 20000; }}\n\
             http {{\naccess_log off;\nkeepalive_requests 100000000;\nkeepalive_timeout 600s;\n{paths}\
             server {{\nlisten {address} backlog=4096;\n\
             location = /events {{ nchan_subscriber eventsource; nchan_channel_id events; \
             nchan_subscriber_first_message newest; {ping} }}\n\
             location = /publish {{ nchan_publisher; nchan_channel_id events; nchan_message_buffer_length 1024; }}\n\
             }} }}\n",
            pid = folder.join("pid").display(),
            paths = paths.concat(),
        );
        std::fs::write(folder.join("nginx.conf"), configuration)?;
        Ok(Self { folder, address, connection: None, number: 0 })
    }

    pub(super) fn command(&self) -> [OsString; 3] {
        ["nginx".into(), "-c".into(), self.folder.join("nginx.conf").into()]
    }

    /// Waits until it listens.
    pub(super) fn wait(&self) -> io::Result<SocketAddr> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match TcpStream::connect(self.address) {
                Ok(_) => return Ok(self.address),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Publishes, a burst in one write. A single wake is done when this returns; more are published by a thread.
    pub(super) fn publish(&mut self, order: Order) -> io::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(self.address)?),
        };
        let first = self.number;
        self.number += order.wakes * order.burst;
        if order.wakes == 1 {
            post(&mut connection, first, order.burst)?;
            self.connection = Some(connection);
            return Ok(());
        }
        std::thread::spawn(move || {
            for wake in 0..order.wakes {
                std::thread::sleep(order.every);
                if let Err(error) = post(&mut connection, first + wake * order.burst, order.burst) {
                    return eprintln!("{error}");
                }
            }
        });
        Ok(())
    }
}

fn post(connection: &mut BufReader<TcpStream>, last: u64, burst: u64) -> io::Result<()> {
    let requests: String = (last + 1..=last + burst)
        .map(|number| {
            let data = data(number);
            format!(
                "POST /publish HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{data}",
                data.len()
            )
        })
        .collect();
    connection.get_mut().write_all(requests.as_bytes())?;
    (0..burst).try_for_each(|_| read_response(connection))
}

fn read_response(connection: &mut BufReader<TcpStream>) -> io::Result<()> {
    let (mut line, mut rest) = (String::new(), 0);
    connection.read_line(&mut line)?;
    if !(line.starts_with("HTTP/1.1 20")) {
        return Err(io::Error::other(format!("nchan said {line:?}")));
    }
    while line.trim_end() != "" {
        line.clear();
        connection.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            rest = value.trim_end().parse().map_err(io::Error::other)?;
        }
    }
    connection.read_exact(&mut vec![0; rest])
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _it_is_temporary = std::fs::remove_dir_all(&self.folder);
    }
}
