//! What Server-Sent Events code is tested with.

pub mod oracle;
