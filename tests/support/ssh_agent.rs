//! An ssh agent that keeps what it was asked, and a client of it that runs in an image without a library.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Prints the answer's type to each type of request that its arguments list, then the whole answer as text.
const CLIENT: &str = r#"
use std::io::{Read, Write};
fn main() {
    let mut agent = std::os::unix::net::UnixStream::connect(std::env::var("SSH_AUTH_SOCK").unwrap()).unwrap();
    for kind in std::env::args().skip(1) {
        agent.write_all(&[0, 0, 0, 1, kind.parse().unwrap()]).unwrap();
        let mut length = [0; 4];
        agent.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        agent.read_exact(&mut answer).unwrap();
        println!("request {kind}: answer {} {}", answer[0], String::from_utf8_lossy(&answer[1..]));
    }
}
"#;

/// An agent that lists one key, whose comment is its own, and says yes to all else.
#[derive(Debug)]
pub(crate) struct SshAgent {
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<u8>>>,
}

impl SshAgent {
    pub(crate) fn start(comment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("agent")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (record, comment) = (Arc::clone(&asked), comment.to_owned());
        // Ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (record, comment) = (Arc::clone(&record), comment.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &record, &comment));
            }
        });
        Self { folder, asked }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    /// The types of all requests, in their order.
    pub(crate) fn asked(&self) -> Vec<u8> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: UnixStream, asked: &Mutex<Vec<u8>>, comment: &str) {
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut request).unwrap();
        asked.lock().unwrap().push(request[0]);
        let answer = match request[0] {
            11 => [&[12, 0, 0, 0, 1][..], &text("key"), &text(comment)].concat(),
            _ => vec![6],
        };
        let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
        // In two parts, as a socket may give it.
        stream.write_all(&length).unwrap();
        stream.write_all(&answer).unwrap();
    }
}

fn text(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// The client, as a program that runs in any image of this machine's platform.
pub(crate) fn client() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("client.rs"), folder.path().join("client"));
    std::fs::write(&source, CLIENT).unwrap();
    let compiled = Command::new("rustc")
        .args(["--edition=2021", "-Cstrip=symbols", "-Ctarget-feature=+crt-static", "-o"])
        .args([&program, &source])
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    std::fs::read(program).unwrap()
}
