//! What is asked of the engine, and its answers.

use crate::entry::{Fields, RawEntry};
use crate::entry_id::EntryId;
use crate::error::{Engine, EngineError};
use crate::ledger::Account;
use crate::settings::Settings;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script, Value};
use sse_broadcast::Epoch;
use std::sync::LazyLock;

/// The epoch, begun if there is none, and the server's clock.
const EPOCH: &str = "
local epoch = redis.call('GET', KEYS[2])
if not epoch then
    epoch = ARGV[1]
    redis.call('SET', KEYS[2], epoch)
end
local time = redis.call('TIME')
";

/// What the stream says of itself.
const ACCOUNT: &str = "
local about = {}
if redis.call('EXISTS', KEYS[1]) == 1 then
    local info = redis.call('XINFO', 'STREAM', KEYS[1])
    for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
else
    about['entries-added'] = 0
end
local has_cursor = -1
if ARGV[2] ~= '' then
    local found = redis.call('XREAD', 'COUNT', 1, 'STREAMS', KEYS[1], ARGV[2])
    has_cursor = found and found[1][2][1][1] == ARGV[3] and 1 or 0
end
return {
    epoch, time[1], time[2],
    about['entries-added'] or '',
    about['length'] or 0,
    about['recorded-first-entry-id'] or '0-0',
    about['last-generated-id'] or '0-0',
    about['max-deleted-entry-id'] or '0-0',
    has_cursor,
}";

/// Begins an epoch, unless another one has begun since.
const BEGIN: &str = "
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2])
end";

/// Appends an entry, and lets go of what is too old or too many.
const PUBLISH: &str = "
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[3]
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 4))
-- It is added by now, whoever may not trim. Not in front: behind another write a full server lets everything through.
redis.pcall('XTRIM', KEYS[1], 'MINID', '~', string.format('%d', math.max(oldest, 0)))
return { epoch, id }";

static PUBLISHING: LazyLock<Script> = LazyLock::new(|| Script::new(&[EPOCH, PUBLISH].concat()));
static ACCOUNTING: LazyLock<String> = LazyLock::new(|| [EPOCH, ACCOUNT].concat());
static BEGINNING: LazyLock<Script> = LazyLock::new(|| Script::new(BEGIN));

/// Waits for entries behind the cursor, for so many milliseconds if they are given, and asks then what the stream says of
/// itself: in one go, so that hardly anything comes between the two. Whether the entry at the cursor is there is asked only if it
/// `is_first`: while a connection lasts it is the server that has answered before.
pub(crate) async fn read(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
    cursor: EntryId,
    is_first: bool,
    count: usize,
    block_millis: Option<u64>,
) -> Result<(Vec<RawEntry>, Account), EngineError> {
    let (stream, epoch) = (settings.stream_key(), settings.epoch_key());
    let mut pipe = redis::pipe();
    let read = pipe.cmd("XREAD").arg("COUNT").arg(count);
    if let Some(millis) = block_millis {
        read.arg("BLOCK").arg(millis);
    }
    read.arg("STREAMS").arg(&stream).arg(cursor.to_string());
    let candidate = Epoch::random();
    pipe.cmd("EVAL").arg(&*ACCOUNTING).arg(2).arg(&stream).arg(&epoch).arg(candidate.as_str());
    let is_asked = is_first && cursor > EntryId::ZERO;
    pipe.arg(if is_asked { cursor.previous().to_string() } else { String::new() }).arg(cursor.to_string());
    let (entries, account): (Value, Value) = pipe.query_async(connection).await?;
    Ok((entries_of(entries)?, account_of(account)?))
}

/// Begins another epoch in the place of this one, unless somebody else has done so.
pub(crate) async fn begin_epoch(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
    old: Epoch,
) -> Result<(), EngineError> {
    let mut invocation = BEGINNING.key(settings.epoch_key());
    invocation.arg(old.as_str()).arg(Epoch::random().as_str());
    Ok(invocation.invoke_async(connection).await?)
}

pub(crate) async fn publish(
    connection: &mut MultiplexedConnection,
    settings: &Settings,
    fields: &Fields,
) -> Result<(Epoch, EntryId), RedisError> {
    let mut invocation = PUBLISHING.key(settings.stream_key());
    invocation.key(settings.epoch_key());
    invocation.arg(Epoch::random().as_str()).arg(settings.entries);
    invocation.arg(u64::try_from(settings.age.as_millis()).unwrap_or(u64::MAX >> 12));
    for (name, value) in fields.iter() {
        invocation.arg(name).arg(value);
    }
    let (epoch, id): (String, String) = invocation.invoke_async(connection).await?;
    match (Epoch::new(&epoch), id.parse()) {
        (Some(epoch), Ok(id)) => Ok((epoch, id)),
        _ => Err(RedisError::from((redis::ErrorKind::UnexpectedReturnType, "neither an epoch nor an id"))),
    }
}

fn unexpected(what: &str) -> EngineError {
    EngineError::new(Engine::Other, format!("an answer that was not expected: {what}"))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => core::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        other => text(other)?.parse().ok(),
    }
}

fn account_of(value: Value) -> Result<Account, EngineError> {
    let Value::Array(values) = value else { return Err(unexpected("no account")) };
    let [epoch, seconds, micros, added, len, first, last, deleted, has_cursor] = values.as_slice() else {
        return Err(unexpected("an account of another length"));
    };
    if text(added) == Some("") {
        let message = "it does not count what was added to a stream: Redis 7.0 or later does";
        return Err(EngineError::new(Engine::Unsupported, message));
    }
    let epoch = text(epoch).and_then(Epoch::new).ok_or_else(|| unexpected("the epoch is none"))?;
    let account = || {
        Some(Account {
            epoch,
            added: number(added)?,
            len: number(len)?,
            first: text(first)?.parse().ok()?,
            last: text(last)?.parse().ok()?,
            deleted: text(deleted)?.parse().ok()?,
            has_cursor: number(has_cursor).map(|entries| entries > 0),
            millis: number(seconds)? * 1_000 + number(micros)? / 1_000,
        })
    };
    account().ok_or_else(|| unexpected("an account that is none"))
}

fn entries_of(value: Value) -> Result<Vec<RawEntry>, EngineError> {
    let no_entries = || unexpected("entries that are none");
    let streams = match value {
        Value::Nil => return Ok(Vec::new()),
        Value::Array(streams) => streams,
        _ => return Err(no_entries()),
    };
    let entries = match streams.into_iter().next() {
        Some(Value::Array(stream)) => stream.into_iter().nth(1),
        _ => None,
    };
    let Some(Value::Array(entries)) = entries else { return Err(no_entries()) };
    entries.into_iter().map(|entry| entry_of(entry).ok_or_else(no_entries)).collect()
}

fn entry_of(value: Value) -> Option<RawEntry> {
    let Value::Array(entry) = value else { return None };
    let mut entry = entry.into_iter();
    let id = text(&entry.next()?)?.parse().ok()?;
    let Value::Array(values) = entry.next()? else { return None };
    let mut values = values.into_iter();
    let mut fields = Vec::with_capacity(values.len() / 2);
    while let Some(name) = values.next() {
        match (name, values.next()?) {
            (Value::BulkString(name), Value::BulkString(value)) => fields.push((name, value)),
            _ => return None,
        }
    }
    Some(RawEntry { id, fields })
}
