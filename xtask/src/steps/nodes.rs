//! Three nodes of the chat, one on each framework, behind nginx, with one Redis Stream as their log.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::Workspace;

/// How long a server has to listen.
const START: Duration = Duration::from_secs(30);

const FRAMEWORKS: [&str; 3] = ["axum", "hyper", "actix"];

/// Runs until nginx ends, which Ctrl-C does to all of them.
pub(crate) fn run(workspace: &Workspace, report: &mut Report, port: &str) {
    report.step("nodes", || serve(workspace, port));
}

fn serve(workspace: &Workspace, port: &str) -> StepResult {
    let root = &workspace.root;
    let [redis, nginx] = match ["redis-server", "nginx"].map(|program| tools::program(program, program, root))
    {
        [Ok(redis), Ok(nginx)] => [redis, nginx],
        [Err(why), _] | [_, Err(why)] => return Ok(Outcome::Skipped(why)),
    };
    let nodes = build(workspace)?;
    let dir = workspace.target.join("nodes");
    let redis_port = free_port()?;
    let log = Command::new(redis)
        .args(["--port", &redis_port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(&dir)
        .stdout(Stdio::null())
        .spawn();
    let mut started = Started::default();
    println!("redis-server 127.0.0.1:{redis_port} pid {}", started.keep(log)?);
    wait_for(redis_port)?;
    let url = format!("redis://127.0.0.1:{redis_port}");
    let mut addresses = Vec::new();
    for (framework, program) in FRAMEWORKS.iter().zip(&nodes) {
        let (address, pid) = start_node(&mut started, program, &url)?;
        println!("node on {framework} {address} pid {pid}");
        addresses.push(address);
    }
    let conf = dir.join("nginx.conf");
    fs::write(&conf, nginx_conf(&addresses, port)).map_err(|error| format!("{}: {error}", conf.display()))?;
    let front = Command::new(nginx).args(["-e", "stderr", "-p"]).arg(&dir).arg("-c").arg(&conf).spawn();
    started.keep(front)?;
    println!("listening on http://127.0.0.1:{port}/");
    // The others may come and go: that is what there are three of them for.
    match started.0.last_mut().map(Child::wait) {
        Some(Ok(status)) => println!("nginx: {status}"),
        Some(Err(error)) => return Err(format!("nginx: {error}")),
        None => {}
    }
    Ok(Outcome::Passed)
}

/// What is ended when this ends.
#[derive(Default)]
struct Started(Vec<Child>);

impl Started {
    fn keep(&mut self, started: std::io::Result<Child>) -> Result<u32, String> {
        let child = started.map_err(|error| error.to_string())?;
        let pid = child.id();
        self.0.push(child);
        Ok(pid)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// One by one, as the examples have one file name.
fn build(workspace: &Workspace) -> Result<Vec<PathBuf>, String> {
    let dir = workspace.target.join("nodes");
    fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut programs = Vec::new();
    for framework in FRAMEWORKS {
        let package = format!("sse-{framework}");
        let build = ["build", "-p", &package, "--features", "broadcast", "--example", "chat"];
        Run::cargo(&workspace.root).args(build).run()?;
        let (from, to) =
            (workspace.target.join("debug/examples/chat"), dir.join(format!("chat-{framework}")));
        // Another one may be running: its file is left to it.
        drop(fs::remove_file(&to));
        fs::copy(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        programs.push(to);
    }
    Ok(programs)
}

/// Where it listens, and its process.
fn start_node(started: &mut Started, program: &Path, redis: &str) -> Result<(String, u32), String> {
    let mut child = Command::new(program)
        .env("PORT", "0")
        .env("REDIS_URL", redis)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let output = child.stdout.take();
    let pid = started.keep(Ok(child))?;
    let mut lines =
        output.into_iter().flat_map(|output| BufReader::new(output).lines()).map_while(Result::ok);
    let address = lines.find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned));
    // What else it says is read, so that it can say it.
    thread::spawn(move || lines.for_each(drop));
    let address = address.ok_or_else(|| format!("{}: does not listen", program.display()))?;
    Ok((address.trim_end_matches('/').to_owned(), pid))
}

/// Until somebody listens there.
fn wait_for(port: u16) -> Result<(), String> {
    let deadline = Instant::now() + START;
    while let Err(error) = TcpStream::connect(("127.0.0.1", port)) {
        if Instant::now() > deadline {
            return Err(format!("redis-server: {error}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| error.to_string())
}

/// As the guide says: nothing is buffered, since the streams say so, and an `EventSource` gives up at 502 and 504.
fn nginx_conf(nodes: &[String], port: &str) -> String {
    let nodes: String = nodes.iter().map(|node| format!("    server {node} fail_timeout=1s;\n")).collect();
    format!(
        r#"daemon off;
error_log stderr crit;
pid nginx.pid;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream nodes {{
    # Streams stay: taking turns by request would put them all on one node.
    least_conn;
{nodes}  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 1s;
      error_page 502 504 =200 @wait;
    }}
    location @wait {{
      default_type text/event-stream;
      return 200 'event: sse:retry\nretry: 1000\ndata: {{"reason":"refused"}}\n\n';
    }}
  }}
}}
"#
    )
}
