//! The Docker engines of the test bed, and tests that run on each of them.

use std::process::{Command, Output};

use bollard::errors::Error::DockerResponseServerError;
use bollard::models::ImageSummary;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};

use super::bed::setting;
use super::shop::wait_for;

/// How often images are listed, the first attempt included.
const MAX_LISTINGS: usize = 20;

/// A Docker engine of the bed, and how it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BedEngine {
    /// The machine's own: Docker 20.10 on Debian 12.
    Machine,
    /// The current Docker engine with the graph driver.
    Current,
    /// The current Docker engine with the containerd image store.
    Containerd,
    /// The current Docker engine with the graph driver, over TLS.
    Tls,
    /// The machine's once more, with a store of its own.
    SecondMachine,
}

impl BedEngine {
    /// Where it listens, as `DOCKER_HOST` says it.
    pub(crate) fn host(self) -> String {
        setting(match self {
            Self::Machine => "DOCKER_HOST_1",
            Self::Current => "DOCKER_HOST_3",
            Self::Containerd => "DOCKER_HOST_4",
            Self::Tls => "DOCKER_HOST_TLS",
            Self::SecondMachine => "DOCKER_HOST_2",
        })
    }

    /// The folder of `ca.pem`, `cert.pem` and `key.pem`.
    pub(crate) fn certificates(self) -> Option<String> {
        (self == Self::Tls).then(|| setting("DOCKER_CERT_PATH_TLS"))
    }

    /// The same engine, as tests speak to it that look into it.
    pub(crate) fn socket(self) -> String {
        match self {
            Self::Tls => Self::Current.host(),
            other => other.host(),
        }
    }

    /// An engine of the same version that shares nothing with this one, as if it were on another machine.
    pub(crate) fn of_another_machine(self) -> Self {
        match self {
            Self::Machine => Self::SecondMachine,
            Self::Current | Self::Tls => Self::Containerd,
            Self::Containerd => Self::Current,
            Self::SecondMachine => Self::Machine,
        }
    }

    /// Whether it is the oldest Docker engine that is supported.
    pub(crate) fn is_docker_20_10(self) -> bool {
        let version = wait_for(async move { self.client().version().await }).unwrap().version.unwrap();
        version.starts_with("20.10.")
    }

    /// Whether images that it builds may carry what primes later builds: Docker 20.10 can die of it.
    pub(crate) fn has_inline_cache(self) -> bool {
        !self.is_docker_20_10()
    }

    /// For looking into it.
    pub(crate) fn client(self) -> bollard::Docker {
        bollard::Docker::connect_with_host(&self.socket()).unwrap()
    }

    /// All of its images. The containerd image store refuses to list any when another test removes one meanwhile, and is
    /// then asked again.
    pub(crate) fn images(self) -> Vec<ImageSummary> {
        let options = ListImagesOptionsBuilder::new().all(true).build();
        let client = self.client();
        let list = async || client.list_images(Some(options.clone())).await;
        wait_for(async {
            for _ in 1..MAX_LISTINGS {
                match list().await {
                    Err(DockerResponseServerError { status_code: 404, .. }) => continue,
                    listed => return listed,
                }
            }
            list().await
        })
        .unwrap()
    }

    /// Removes all images with a name, or a digest in a repository, that `mark` is in.
    pub(crate) fn remove_images(self, mark: &str) {
        let client = self.client();
        let names =
            self.images().into_iter().flat_map(|image| [image.repo_tags, image.repo_digests].concat());
        for name in names.filter(|name| name.contains(mark)) {
            let options = RemoveImageOptionsBuilder::new().force(true).build();
            // What another name still holds goes with that name.
            let _ = wait_for(client.remove_image(&name, Some(options), None));
        }
    }
}

/// Makes a test for each engine of a function that takes one; `async` stands before asynchronous ones.
///
/// ```ignore
/// on_each_engine!(async an_image_has_the_name_that_it_was_tagged_with);
/// ```
macro_rules! on_each_engine {
    (async $($test:ident),+ $(,)?) => {
        $(mod $test {
            use crate::support::engines::BedEngine;

            #[tokio::test]
            async fn machine() {
                super::$test(BedEngine::Machine).await;
            }

            #[tokio::test]
            async fn current() {
                super::$test(BedEngine::Current).await;
            }

            #[tokio::test]
            async fn containerd() {
                super::$test(BedEngine::Containerd).await;
            }

            #[tokio::test]
            async fn tls() {
                super::$test(BedEngine::Tls).await;
            }
        })+
    };
    ($($test:ident),+ $(,)?) => {
        $(mod $test {
            use crate::support::engines::BedEngine;

            #[test]
            fn machine() {
                super::$test(BedEngine::Machine);
            }

            #[test]
            fn current() {
                super::$test(BedEngine::Current);
            }

            #[test]
            fn containerd() {
                super::$test(BedEngine::Containerd);
            }

            #[test]
            fn tls() {
                super::$test(BedEngine::Tls);
            }
        })+
    };
}

pub(crate) use on_each_engine;

/// An engine of a test's own, which may die, with a store of its own: 5 to 7 are the machine's `dockerd`, 8 and 9 the current one with
/// the containerd image store. It is removed at the end.
#[derive(Debug)]
pub(crate) struct OwnEngine {
    number: &'static str,
    host: String,
}

impl OwnEngine {
    /// Starts it. Each test that does so has another number, from 5 to 10.
    pub(crate) fn start(number: &'static str) -> Self {
        let output = testbed(&["up-engine", number]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { number, host: String::from_utf8(output.stdout).unwrap().trim().to_owned() }
    }

    /// As `DOCKER_HOST` says it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> String {
        let folder = format!("{}/target/testbed/engine-{}", env!("CARGO_MANIFEST_DIR"), self.number);
        std::fs::read_to_string(format!("{folder}/pid")).unwrap()
    }

    pub(crate) fn answers(&self) -> bool {
        let client = bollard::Docker::connect_with_host(&self.host).unwrap();
        wait_for(async move { client.ping().await }).is_ok()
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        let output = testbed(&["down-engine", self.number]);
        let is_gone = output.status.success() || std::thread::panicking();
        assert!(is_gone, "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn testbed(arguments: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/testbed");
    Command::new(script).args(arguments).output().unwrap()
}
