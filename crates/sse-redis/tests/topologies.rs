//! Where the engine may be: behind Sentinels, in a cluster, behind TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod engine;

use engine::{Client, Engine, data, settings, until};
use sse_redis::{RedisBroadcaster, Servers};

const RESET: &str = "{\"reason\":\"reset\"}";

/// A master, a replica that has all of it, and a Sentinel that watches them.
struct Watched {
    master: Engine,
    replica: Engine,
    sentinel: Engine,
}

impl Watched {
    fn start() -> Option<Self> {
        let master = Engine::start(&[])?;
        let port = master.port.to_string();
        let replica = Engine::start(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"])?;
        let conf = format!(
            "sentinel monitor watched 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds watched 500\n\
             sentinel failover-timeout watched 2000\n"
        );
        let sentinel = Engine::start_with(&[("sentinel.conf", &conf)], &[])?;
        Some(Self { master, replica, sentinel })
    }

    fn servers(&self) -> Servers {
        // The first one is not there: the next one is asked.
        Servers::sentinels(["redis://127.0.0.1:1", &self.sentinel.url()], "watched", "redis://any").unwrap()
    }

    async fn until_in_sync(&self) {
        let offset = |info: &str, of: &str| {
            let value =
                info.lines().find_map(|line| line.strip_prefix(of).map(|value| value.trim().to_owned()));
            value.unwrap_or_default()
        };
        until("the replica has all", || {
            let (master, replica) =
                (self.master.cli(&["INFO", "replication"]), self.replica.cli(&["INFO", "replication"]));
            replica.contains("master_link_status:up")
                && offset(&master, "master_repl_offset:") == offset(&replica, "slave_repl_offset:")
        })
        .await;
        until("the Sentinel knows the replica", || {
            self.sentinel.cli(&["SENTINEL", "REPLICAS", "watched"]).contains(&self.replica.port.to_string())
        })
        .await;
    }
}

/// A node at the master, and a client that has seen the first event.
async fn begin(watched: &Watched) -> (RedisBroadcaster, Client) {
    let hub = RedisBroadcaster::connect(watched.servers(), settings()).await.unwrap();
    let mut client = Client::connect(&hub, &["a"], None);
    hub.publish("a", "before").await.unwrap();
    client.until("before").await;
    watched.until_in_sync().await;
    (hub, client)
}

/// Publishes as soon as there is a master again.
async fn publish(hub: &RedisBroadcaster, text: &str) {
    let patience = tokio::time::Instant::now() + engine::PATIENCE;
    while let Err(error) = hub.publish("a", text).await {
        assert!(tokio::time::Instant::now() < patience, "{error}");
        tokio::time::sleep(core::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn b07_a_failover_to_a_replica_that_has_all_loses_nothing() {
    let Some(mut watched) = Watched::start() else { return };
    let (hub, mut client) = begin(&watched).await;
    watched.master.crash();
    publish(&hub, "after").await;
    let events = client.until("after").await;
    let told: Vec<_> =
        events.iter().filter(|event| event.name != "sse:stale").map(|event| &*event.data).collect();
    assert_eq!(told, ["after"]);
    assert_eq!((hub.engine_stats().epochs, hub.engine_stats().gaps), (0, 0));
}

#[tokio::test]
async fn b07_what_a_failover_lost_is_told_to_all_clients() {
    let Some(mut watched) = Watched::start() else { return };
    let (hub, mut client) = begin(&watched).await;
    // The replica hears nothing of these, not even from what the system holds for it; the client does.
    watched.replica.pause();
    watched.master.cli(&["CLIENT", "KILL", "TYPE", "replica"]);
    for number in 1..=3 {
        hub.publish("a", number.to_string()).await.unwrap();
    }
    client.until("3").await;
    watched.master.crash();
    watched.replica.resume();
    publish(&hub, "after").await;
    let events = client.until("after").await;
    assert!(data(&events).contains(&RESET), "{events:?}");
    assert_eq!(hub.engine_stats().epochs, 1);
}

#[tokio::test]
async fn b07_a_cluster_is_entered_by_any_of_its_nodes() {
    let args = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let bus = engine::free_port().to_string();
        let Some(node) = Engine::start(&[&args[..], &["--cluster-port", &bus]].concat()) else { return };
        nodes.push(node);
    }
    let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let mut create = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.push("--cluster-yes");
    let created = nodes[0].try_cli(&create);
    assert!(created.contains("All 16384 slots covered"), "{created}");
    let is_ok = |node: &Engine| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
    until("the cluster is one", || nodes.iter().all(is_ok)).await;

    let mut hubs = Vec::new();
    for node in &nodes {
        let servers = Servers::cluster([&*node.url()]).unwrap();
        hubs.push(RedisBroadcaster::connect(servers, settings()).await.unwrap());
    }
    let mut clients: Vec<_> = hubs.iter().map(|hub| Client::connect(hub, &["a"], None)).collect();
    for (number, hub) in hubs.iter().enumerate() {
        hub.publish("a", number.to_string()).await.unwrap();
    }
    for client in &mut clients {
        assert_eq!(data(&client.until("2").await), ["0", "1", "2"]);
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn b07_links_may_be_in_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = engine::free_port().to_string();
    let files = [("cert.pem", &*certificate), ("key.pem", &*key)];
    let args = ["--tls-port", &tls, "--tls-cert-file", "{dir}/cert.pem", "--tls-key-file", "{dir}/key.pem"];
    let args = [&args[..], &["--tls-ca-cert-file", "{dir}/cert.pem", "--tls-auth-clients", "no"]].concat();
    let Some(_engine) = Engine::start_with(&files, &args) else { return };
    let servers = Servers::at(&format!("rediss://localhost:{tls}")).unwrap();
    let stranger = RedisBroadcaster::connect(servers.clone(), settings()).await;
    assert!(stranger.is_err(), "whose certificate nobody signed");
    let hub =
        RedisBroadcaster::connect(servers.with_root_certificate(certificate.as_bytes()).unwrap(), settings());
    let hub = hub.await.unwrap();
    let mut client = Client::connect(&hub, &["a"], None);
    hub.publish("a", "1").await.unwrap();
    assert_eq!(data(&client.until("1").await), ["1"]);
    assert!(Servers::at("redis://localhost").unwrap().with_root_certificate(certificate.as_bytes()).is_err());
}
