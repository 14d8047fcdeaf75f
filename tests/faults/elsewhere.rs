//! Two machines, with a cable between them that the test can pull: network namespaces. Needs Linux and root.

use super::{listen_at, within};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use tokio::net::{TcpSocket, TcpStream};

const NEAR: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

/// Two machines and the cable between them; they go when this is dropped, or when the test's process ends. The network of the
/// machine that the test runs on stays as it is: browsers give up their connections when it changes.
pub(crate) struct Elsewhere {
    near: Machine,
    far: Machine,
}

impl Elsewhere {
    /// Sets it up; `Err` says why that cannot be done here.
    pub(crate) fn new() -> Result<Self, String> {
        let (near, far) = (Machine::new()?, Machine::new()?);
        let pid = far.holder.id().to_string();
        near.inside(|| {
            ip(&["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &pid])?;
            ip(&["address", "add", &format!("{NEAR}/30"), "dev", "near"])?;
            ip(&["link", "set", "near", "up"])
        })?;
        far.inside(|| {
            ip(&["address", "add", &format!("{FAR}/30"), "dev", "far"])?;
            ip(&["link", "set", "far", "up"])
        })?;
        Ok(Self { near, far })
    }

    /// Listens at the near end, where the server is to be.
    pub(crate) fn listen(&self) -> TcpListener {
        self.near.inside(|| Ok(listen_at(NEAR))).unwrap()
    }

    /// Connects from the far end.
    pub(crate) async fn connect(&self, address: SocketAddr) -> TcpStream {
        // A socket stays in the namespace that it was made in.
        let socket = self.far.inside(|| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
            let socket = socket.and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
            socket.map_err(|error| error.to_string())
        });
        let socket = TcpSocket::from_std_stream(socket.unwrap().into());
        within("connecting", socket.connect(address)).await.unwrap()
    }

    /// Cuts the far end off: from now on it hears nothing and says nothing, no FIN and no RST.
    pub(crate) fn vanish(&self) {
        // Whom to send to stays known here, so that nothing but silence tells that nobody is there.
        let link = self.far.inside(|| {
            let shown = ip(&["-brief", "link", "show", "dev", "far"])?;
            shown.split_whitespace().nth(2).map(str::to_owned).ok_or(shown)
        });
        let (far, link) = (FAR.to_string(), link.unwrap());
        let known = ["neighbour", "replace", &far, "lladdr", &link, "dev", "near", "nud", "permanent"];
        self.near.inside(|| ip(&known)).unwrap();
        self.far.inside(|| ip(&["address", "flush", "dev", "far"])).unwrap();
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // The last words of its sockets would keep the cable for a minute or two.
        let _was_there = self.near.inside(|| ip(&["link", "delete", "near"]));
    }
}

/// A network namespace.
struct Machine {
    /// A program that lives as long as its input is open.
    holder: Child,
}

impl Machine {
    fn new() -> Result<Self, String> {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let holder = holder.spawn().map_err(|error| format!("unshare: {error}"))?;
        let mut this = Self { holder };
        let is_there = {
            let (input, output) = (this.holder.stdin.as_mut().unwrap(), this.holder.stdout.as_mut().unwrap());
            input.write_all(b"?").and_then(|()| input.flush()).and_then(|()| output.read_exact(&mut [0]))
        };
        is_there.map_err(|_| "no network namespace can be made: not root?".to_owned())?;
        Ok(this)
    }

    /// Runs something there.
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

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ended = self.holder.wait();
    }
}

/// Runs `ip`; what it said.
fn ip(args: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(args).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim_end()))
}
