use crate::error::{Engine, EngineError, InvalidAddress};
use core::fmt;
use core::time::Duration;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, Value,
};
use tokio::time::timeout;

/// Where the engine is: one server, the master that Sentinels know, or the node of a Cluster that has the stream.
///
/// Addresses are URLs: `redis://user:password@host:port/database`, and `rediss://` for TLS with the feature `tls`. Valkey takes the
/// same.
///
/// ```
/// use sse_redis::Servers;
///
/// let one = Servers::at("redis://:secret@10.0.0.7:6379")?;
/// let watched = Servers::sentinels(["redis://10.0.0.1:26379", "redis://10.0.0.2:26379"], "mymaster", "redis://:secret@any")?;
/// let cluster = Servers::cluster(["redis://10.0.0.7:6379", "redis://10.0.0.8:6379"])?;
/// # let _ = (one, watched, cluster);
/// # Ok::<(), sse_redis::InvalidAddress>(())
/// ```
#[derive(Clone)]
pub struct Servers {
    seeds: Vec<ConnectionInfo>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    One,
    /// The name of the master, and how to connect to it, whatever its host.
    Sentinels(String, Box<ConnectionInfo>),
    Cluster,
}

/// Two connections to the server that has the stream: a blocking command keeps one for itself.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) reading: MultiplexedConnection,
    pub(crate) publishing: MultiplexedConnection,
}

impl Servers {
    /// One server.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`].
    pub fn at(url: &str) -> Result<Self, InvalidAddress> {
        Ok(Self { seeds: vec![parse(url)?], kind: Kind::One })
    }

    /// The master of this name, of which these Sentinels know where it is. `node` has the user, password, database and scheme to
    /// connect to it with; its host does not count.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`].
    pub fn sentinels<'a>(
        urls: impl IntoIterator<Item = &'a str>,
        master: impl Into<String>,
        node: &str,
    ) -> Result<Self, InvalidAddress> {
        Ok(Self { seeds: parse_all(urls)?, kind: Kind::Sentinels(master.into(), Box::new(parse(node)?)) })
    }

    /// A cluster, of which these are some nodes.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`].
    pub fn cluster<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidAddress> {
        Ok(Self { seeds: parse_all(urls)?, kind: Kind::Cluster })
    }

    /// Trusts servers whose certificates this authority has signed, in PEM, in the place of those that the machine trusts.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`], if an address is not one of `rediss://`, or this is no certificate.
    #[cfg(feature = "tls")]
    pub fn with_root_certificate(mut self, pem: &[u8]) -> Result<Self, InvalidAddress> {
        let trust = |info: &ConnectionInfo| {
            let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) };
            let client = Client::build_with_tls(info.clone(), certificates);
            client
                .map(|client| client.get_connection_info().clone())
                .map_err(|error| InvalidAddress(error.to_string()))
        };
        self.seeds = self.seeds.iter().map(trust).collect::<Result<_, _>>()?;
        if let Kind::Sentinels(_, node) = &mut self.kind {
            **node = trust(node)?;
        }
        Ok(self)
    }

    /// Connects to the server that has the key.
    pub(crate) async fn connect(&self, key: &str, within: Duration) -> Result<Pair, EngineError> {
        let mut why = EngineError::new(Engine::Unreachable, "no address");
        // Each has its part: one that swallows packets is not to keep us from the others.
        let within = within / u32::try_from(self.seeds.len()).unwrap_or(u32::MAX).max(1);
        for seed in &self.seeds {
            match timeout(within, self.through(seed, key)).await {
                Ok(Ok(pair)) => return Ok(pair),
                Ok(Err(error)) => why = error,
                Err(_) => why = EngineError::overdue("connecting"),
            }
        }
        Err(why)
    }

    async fn through(&self, seed: &ConnectionInfo, key: &str) -> Result<Pair, EngineError> {
        let (server, reading) = match &self.kind {
            Kind::One => (seed.clone(), open(seed).await?),
            Kind::Sentinels(name, node) => {
                let mut sentinel = open(seed).await?;
                let mut ask = redis::cmd("SENTINEL");
                ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
                let found: Option<(String, u16)> = ask.query_async(&mut sentinel).await?;
                let (host, port) = found.ok_or_else(|| {
                    EngineError::new(Engine::Unreachable, format!("the Sentinels know no master {name:?}"))
                })?;
                let server = moved_to(node, host, port);
                let mut connection = open(&server).await?;
                // A Sentinel may not have noticed yet.
                let said: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
                let role: Option<String> =
                    said.first().and_then(|role| redis::from_redis_value(role.clone()).ok());
                if role.as_deref() != Some("master") {
                    return Err(EngineError::new(Engine::Loading, format!("{name:?} is {role:?} still")));
                }
                (server, connection)
            }
            Kind::Cluster => {
                let mut connection = open(seed).await?;
                let has_it: Result<Value, RedisError> =
                    redis::cmd("EXISTS").arg(key).query_async(&mut connection).await;
                match has_it {
                    Ok(_) => (seed.clone(), connection),
                    Err(error) => {
                        let node = error.redirect_node().and_then(|(node, _)| node.rsplit_once(':'));
                        let Some((host, port)) = node else { return Err(error.into()) };
                        let port = port.parse().map_err(|_| EngineError::from(&error))?;
                        let server = moved_to(seed, host.to_owned(), port);
                        (server.clone(), open(&server).await?)
                    }
                }
            }
        };
        Ok(Pair { reading, publishing: open(&server).await? })
    }
}

/// Who is connected is not told: an address may have a password in it.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.seeds.iter().map(|seed| seed.addr().to_string()).collect();
        let kind = match &self.kind {
            Kind::One => "one",
            Kind::Sentinels(..) => "sentinels",
            Kind::Cluster => "cluster",
        };
        f.debug_struct("Servers").field("kind", &kind).field("addresses", &addresses).finish()
    }
}

fn parse(url: &str) -> Result<ConnectionInfo, InvalidAddress> {
    url.into_connection_info().map_err(|error| InvalidAddress(error.to_string()))
}

fn parse_all<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Vec<ConnectionInfo>, InvalidAddress> {
    let parsed: Vec<_> = urls.into_iter().map(parse).collect::<Result<_, _>>()?;
    if parsed.is_empty() { Err(InvalidAddress("there is none".to_owned())) } else { Ok(parsed) }
}

/// As `info`, of another host.
fn moved_to(info: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let addr = match info.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(addr)
}

/// Time-outs are the callers': a blocking command takes its time.
async fn open(info: &ConnectionInfo) -> Result<MultiplexedConnection, EngineError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let client = Client::open(info.clone())?;
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}
