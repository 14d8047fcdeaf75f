//! Another machine, at the other end of a cable that the test can pull: a network namespace. Needs Linux and root.

use super::within;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::{TcpSocket, TcpStream};

/// A machine; it and its cable go when this is dropped, or when the test's process ends.
pub(crate) struct Elsewhere {
    holder: Child,
    cable: String,
    here: Ipv4Addr,
}

impl Elsewhere {
    /// Sets it up; `Err` says why that cannot be done here.
    pub(crate) fn new() -> Result<Self, String> {
        static MACHINES: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id().wrapping_mul(8) + MACHINES.fetch_add(1, Ordering::Relaxed);
        // A program that lives as long as its input is open holds the namespace.
        let mut holder = Command::new("unshare");
        holder.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = holder.spawn().map_err(|error| format!("unshare: {error}"))?;
        let is_there = {
            let (input, output) = (holder.stdin.as_mut().unwrap(), holder.stdout.as_mut().unwrap());
            input.write_all(b"?").and_then(|()| input.flush()).and_then(|()| output.read_exact(&mut [0]))
        };
        // A network for benchmarks, in which each machine has four addresses.
        let base = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number % (1 << 15) * 4;
        let (here, there) = (Ipv4Addr::from(base + 1), Ipv4Addr::from(base + 2));
        let this = Self { cable: format!("sse{}", number % (1 << 20)), holder, here };
        is_there.map_err(|_| "no network namespace can be made: not root?".to_owned())?;
        let (near, far) = (format!("{}a", this.cable), format!("{}b", this.cable));
        let pid = this.holder.id().to_string();
        ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &pid])?;
        ip(&["address", "add", &format!("{here}/30"), "dev", &near])?;
        ip(&["link", "set", &near, "up"])?;
        this.inside(|| {
            ip(&["address", "add", &format!("{there}/30"), "dev", &far])?;
            ip(&["link", "set", &far, "up"])
        })?;
        Ok(this)
    }

    /// The address of the test's own machine, as seen from there.
    pub(crate) fn here(&self) -> Ipv4Addr {
        self.here
    }

    /// Connects from there.
    pub(crate) async fn connect(&self, address: SocketAddr) -> TcpStream {
        // A socket stays in the namespace that it was made in.
        let socket = self.inside(|| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = socket.and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
            socket.map_err(|error| error.to_string())
        });
        let socket = TcpSocket::from_std_stream(socket.unwrap().into());
        within("connecting", socket.connect(address)).await.unwrap()
    }

    /// Cuts it off: from now on it hears nothing and says nothing, no FIN and no RST.
    pub(crate) fn vanish(&self) {
        // Whom to send to stays known here, so that nothing but silence tells that nobody is there.
        let near = format!("{}a", self.cable);
        let output = Command::new("ip").args(["-4", "neighbour", "show", "dev", &near]).output().unwrap();
        let neighbours = String::from_utf8(output.stdout).unwrap();
        let mut words = neighbours.split_whitespace();
        let address = words.next().unwrap().to_owned();
        let link = words.skip_while(|word| *word != "lladdr").nth(1).unwrap();
        ip(&["neighbour", "replace", &address, "lladdr", link, "dev", &near, "nud", "permanent"]).unwrap();
        self.inside(|| ip(&["address", "flush", "dev", &format!("{}b", self.cable)])).unwrap();
    }

    /// Runs something on that machine.
    fn inside<T: Send>(&self, run: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
        let namespace = format!("/proc/{}/ns/net", self.holder.id());
        let namespace = File::open(namespace).map_err(|error| error.to_string())?;
        // A thread of its own, since it does not come back.
        let run = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| format!("setns: {error}"))?;
            run()
        };
        std::thread::scope(|threads| threads.spawn(run).join()).unwrap()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // The last words of its sockets would keep the namespace, and with it the cable, for a minute or two.
        let _was_there = ip(&["link", "delete", &format!("{}a", self.cable)]);
        drop(self.holder.stdin.take());
        let _ended = self.holder.wait();
    }
}

fn ip(args: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(args).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim_end()))
}
