use std::io;

use relman_core::{
    port::{PortError, PortErrorKind},
    unit::Span,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::config::Endpoint;

/// The name under which errors and logs know the adapter.
pub(super) const ADAPTER: &str = "haproxy";

/// The longest answer that is read. A server takes about 150 bytes of it, so this is a backend of thousands.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// Sends one line to the runtime API and returns the whole answer.
///
/// Without the `prompt` command HAProxy closes the connection after the answer, so its end is known.
pub(super) async fn ask(
    endpoint: &Endpoint,
    time_limit: Span,
    operation: &'static str,
    line: &str,
) -> Result<String, PortError> {
    let failed = |kind, detail| PortError::new(ADAPTER, operation, kind, detail);
    let answer = match tokio::time::timeout(time_limit.to_std(), exchange(endpoint, line)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let kind = match error.kind() {
                io::ErrorKind::PermissionDenied => PortErrorKind::Unauthorized,
                // A reload takes the socket away for a moment: that it is missing now does not mean that it stays so.
                _ => PortErrorKind::Unavailable,
            };
            let detail = format!("the runtime API at {endpoint} can't be used: {error}");
            return Err(failed(kind, detail).with_source(error));
        }
        Err(_) => {
            let detail = format!("the runtime API at {endpoint} did not answer within {time_limit}");
            return Err(failed(PortErrorKind::TimedOut, detail));
        }
    };
    if answer.len() as u64 > MAX_ANSWER_BYTES {
        let detail = format!("{endpoint} answered more than {MAX_ANSWER_BYTES} bytes");
        return Err(failed(PortErrorKind::InvalidAnswer, detail));
    }
    String::from_utf8(answer).map_err(|error| {
        let detail = format!("{endpoint} answered something that is not text: is it HAProxy's runtime API?");
        failed(PortErrorKind::InvalidAnswer, detail).with_source(error)
    })
}

async fn exchange(endpoint: &Endpoint, line: &str) -> io::Result<Vec<u8>> {
    match endpoint {
        #[cfg(unix)]
        Endpoint::Socket(path) => converse(tokio::net::UnixStream::connect(path).await?, line).await,
        #[cfg(not(unix))]
        Endpoint::Socket(_) => Err(io::ErrorKind::Unsupported.into()),
        Endpoint::Address(address) => converse(tokio::net::TcpStream::connect(address).await?, line).await,
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, line: &str) -> io::Result<Vec<u8>> {
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut answer).await?;
    Ok(answer)
}
