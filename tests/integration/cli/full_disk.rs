//! A registry whose disk is full, as it happens to those that nobody looks after.

use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;

use crate::cli::failures::{ONE, until};
use crate::support::shop::{Cache, Shop};

#[test]
fn a_registry_whose_disk_is_full_fails_the_push_and_nothing_is_tagged() {
    let registry = FullRegistry::start();
    let shop = Shop::new().cache(Cache::Oci(registry.host.clone())).projects(ONE);

    let answer = shop.shown(["build", "-q"]);

    assert_snapshot!(answer, @"
    because   api  the cache has no image of these inputs
    failed    api after <time> 
              error: cannot push `<registry>/<prefix>/api:pushed-<64 hex>`
              because: the engine could not push it: received unexpected HTTP status: 500 Internal Server Error
              log: <world>/.git/chinampa/runs/1/api.log
    0 built, 0 reused, 1 failed in <time> 
    [exit: 4]
    ");
    assert!(shop.tags("api").is_empty());
}

/// A registry whose storage is a file system of 1 MiB.
struct FullRegistry {
    host: String,
    folder: tempfile::TempDir,
    server: Child,
}

impl FullRegistry {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&data).status();
        assert!(mounted.unwrap().success(), "mounting takes root");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: \"{}\" }} }}\nhttp: {{ addr: \"127.0.0.1:{port}\" }}\n",
            data.display()
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let server = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { host: format!("localhost:{port}"), folder, server }
    }
}

impl Drop for FullRegistry {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
        let unmounted = Command::new("umount").arg(self.folder.path().join("data")).status();
        assert!(unmounted.unwrap().success());
    }
}
