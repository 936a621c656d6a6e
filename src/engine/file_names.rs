//! File names that an engine refuses.
//!
//! Git and Docker 20.10 take any bytes. Newer engines receive names as protocol buffer strings, which are UTF-8, and say neither which
//! name is none nor that a name is the trouble.

use super::{Context, EngineError};

/// What Go's protocol buffers say, in lower case, of a text with other bytes.
const NOT_UTF8: &str = "invalid utf-8";

/// Names the file, if that is why a build has failed.
pub(super) fn explain(error: EngineError, context: &Context) -> EngineError {
    let is_refusal = match &error {
        EngineError::BuildFailed { message, .. } => message.to_lowercase().contains(NOT_UTF8),
        _ => false,
    };
    let mut files = context.files.iter().filter(|file| std::str::from_utf8(file.path.as_bytes()).is_err());
    match files.next().filter(|_| is_refusal) {
        None => error,
        Some(file) => {
            EngineError::FileName { path: file.path.clone(), more: files.count(), source: Box::new(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{Content, ContextFile};
    use super::*;
    use crate::model::{FileMode, RepoPath};

    fn explained(message: &str, names: &[&[u8]]) -> String {
        let file = |name: &&[u8]| ContextFile {
            path: RepoPath::new(name).unwrap(),
            mode: FileMode::Regular,
            content: Content::Bytes(Bytes::new()),
        };
        let context = Context { files: names.iter().map(file).collect() };
        let message = message.to_owned();
        explain(EngineError::BuildFailed { step: None, log_tail: Vec::new(), message }, &context).to_string()
    }

    // issue 14: E12
    #[test]
    fn a_name_that_is_not_utf8_is_named_where_the_engine_refuses_it() {
        let refusal = "rpc error: code = Internal desc = grpc: error while marshaling: string field contains invalid UTF-8";

        assert_eq!(
            explained(refusal, &[b"a", b"b/\xff"]),
            "the engine refuses the file name `b/\\xff`, which is not UTF-8"
        );
        assert_eq!(
            explained(refusal, &[b"\xe9", b"b/\xff", b"c\xff"]),
            "the engine refuses the file name `\\xe9`, which is not UTF-8, and 2 more"
        );
        assert_eq!(explained(refusal, &[b"a"]), format!("the build failed: {refusal}"));
        assert_eq!(explained("no space", &[b"\xff"]), "the build failed: no space");
    }
}
