//! A registry, services and Terraform in memory, which processes change step by step as a schedule says.
//!
//! A step is one request to a registry or one run of a program. Each takes a ticket, and a
//! schedule hands out one ticket at a time: so any two deployments can be interleaved in any order,
//! and stopped for good after any step.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chinampa::internals::config::ServiceConfig;
use chinampa::internals::deploy::{
    Deployment, Operations, ProjectDeployment, ProjectError, ServiceError, ServiceState, TerraformError,
    TerraformRoot,
};
use chinampa::internals::interruption::Interruption;
use chinampa::internals::lease::Clock;
use chinampa::internals::model::{
    Fingerprint, ImageRef, Login, ManifestDigest, Platform, RepositoryName, Tag, Timestamp,
};
use chinampa::internals::registry::copy::Copied;
use chinampa::internals::registry::{Registry, RegistryError, RepositoryChange, Storage};

/// How long a step takes.
const STEP: Duration = Duration::from_secs(1);

/// What all processes share.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) tags: BTreeMap<(String, String), ManifestDigest>,
    pub(crate) documents: BTreeMap<ManifestDigest, Bytes>,
    /// The image that each service runs, by project.
    pub(crate) services: BTreeMap<String, String>,
    /// What was applied last, by folder.
    pub(crate) terraform: BTreeMap<String, Fingerprint>,
    /// What each process did, in order.
    pub(crate) log: Vec<(usize, String)>,
    now: u64,
    /// The process whose step is next.
    ticket: Option<usize>,
}

/// The world of some processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

/// What one process has of the world.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    world: World,
    number: usize,
    /// When the sleeps end that are under way, in milliseconds.
    sleeps: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl World {
    /// Another world that is the same so far.
    pub(crate) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Whether the last step changed anything.
    pub(crate) fn has_changed(&self) -> bool {
        let state = self.state();
        let changing = ["tag ", "put ", "apply ", "restart "];
        state.log.last().is_some_and(|(_, what)| changing.iter().any(|verb| what.starts_with(verb)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn process(&self, number: usize) -> Process {
        Process { world: self.clone(), number, sleeps: Arc::default() }
    }

    /// Lets time go by in which nobody does anything.
    pub(crate) fn pass(&self, duration: Duration) {
        self.state().now += u64::try_from(duration.as_millis()).unwrap();
    }

    pub(crate) fn tag(&self, repository: &str, tag: &str, digest: ManifestDigest) {
        self.state().tags.insert((repository.to_owned(), tag.to_owned()), digest);
    }

    pub(crate) fn tagged(&self, repository: &str, tag: &str) -> Option<ManifestDigest> {
        self.state().tags.get(&(repository.to_owned(), tag.to_owned())).copied()
    }

    pub(crate) fn document(&self, repository: &str, tag: &str) -> Option<Bytes> {
        let digest = self.tagged(repository, tag)?;
        self.state().documents.get(&digest).cloned()
    }
}

/// What came of one turn.
pub(crate) enum Turn<T> {
    /// The process did a step, or waited until a sleep of it was over.
    Went,
    Ended(T),
}

impl Process {
    /// Lets the process do its next step. When it sleeps, time goes by until it wakes.
    pub(crate) fn turn<T>(&self, work: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Turn<T> {
        self.world.state().ticket = Some(self.number);
        let mut context = Context::from_waker(std::task::Waker::noop());
        // What one poll wakes is polled by the next.
        for _ in 0..64 {
            if let Poll::Ready(value) = work.as_mut().poll(&mut context) {
                return Turn::Ended(value);
            }
            if self.world.state().ticket.is_none() {
                return Turn::Went;
            }
            let earliest = self.sleeps.lock().unwrap().keys().next().copied();
            if let Some(earliest) = earliest {
                let mut state = self.world.state();
                state.now = state.now.max(earliest);
            }
        }
        panic!("process {} neither goes on nor sleeps", self.number);
    }

    async fn step<T>(&self, what: String, change: impl FnOnce(&mut State) -> T) -> T {
        Ticket(self).await;
        let mut state = self.world.state();
        state.now += u64::try_from(STEP.as_millis()).unwrap();
        state.log.push((self.number, what));
        change(&mut state)
    }
}

struct Ticket<'p>(&'p Process);

impl Future for Ticket<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.world.state();
        if state.ticket == Some(self.0.number) {
            state.ticket = None;
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

struct Sleep<'p> {
    process: &'p Process,
    until: u64,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.process.world.state().now >= self.until {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        let mut sleeps = self.process.sleeps.lock().unwrap();
        let count = sleeps.get_mut(&self.until).unwrap();
        *count -= 1;
        if *count == 0 {
            sleeps.remove(&self.until);
        }
    }
}

#[async_trait]
impl Clock for Process {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.state().now)
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.world.state().now + u64::try_from(duration.as_millis()).unwrap();
        *self.sleeps.lock().unwrap().entry(until).or_default() += 1;
        Sleep { process: self, until }.await;
    }
}

#[async_trait]
impl Registry for Process {
    fn storage(&self) -> Storage {
        Storage::Remote
    }

    fn image(&self, repository: &RepositoryName, tag: &Tag) -> ImageRef {
        let host = Some("r.example".parse().unwrap());
        ImageRef { host, repository: repository.clone(), tag: Some(tag.clone()), digest: None }
    }

    async fn find(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<ManifestDigest>, RegistryError> {
        let key = (repository.to_string(), tag.to_string());
        let what = format!("find {repository}:{tag}");
        Ok(self.step(what, |state| state.tags.get(&key).copied()).await)
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        let repository = repository.to_string();
        let of_it = |state: &mut State| {
            let keys = state.tags.keys().filter(|(it, _)| *it == repository);
            keys.map(|(_, tag)| tag.parse().unwrap()).collect()
        };
        Ok(self.step(format!("list {repository}"), of_it).await)
    }

    async fn ensure_repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Vec<RepositoryChange>, RegistryError> {
        Ok(self.step(format!("ensure {repository}"), |_| Vec::new()).await)
    }

    async fn tag(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
        tags: &[Tag],
    ) -> Result<(), RegistryError> {
        for tag in tags {
            let key = (repository.to_string(), tag.to_string());
            let what = format!("tag {repository}:{tag}");
            self.step(what, |state| state.tags.insert(key, *digest)).await;
        }
        Ok(())
    }

    async fn put_index(
        &self,
        _: &RepositoryName,
        _: &[(Platform, ManifestDigest)],
    ) -> Result<ManifestDigest, RegistryError> {
        unreachable!("a deployment makes no index")
    }

    async fn verify(
        &self,
        _: &RepositoryName,
        _: &ManifestDigest,
        _: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        unreachable!("a deployment builds nothing")
    }

    async fn untag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        let key = (repository.to_string(), tag.to_string());
        self.step(format!("untag {repository}:{tag}"), |state| state.tags.remove(&key)).await;
        Ok(())
    }

    async fn delete(
        &self,
        repository: &RepositoryName,
        digest: &ManifestDigest,
    ) -> Result<(), RegistryError> {
        let repository = repository.to_string();
        let delete = |state: &mut State| {
            state.tags.retain(|(of, _), stands_for| *of != repository || stands_for != digest);
        };
        self.step(format!("delete {repository}@{digest}"), delete).await;
        Ok(())
    }

    async fn put_artifact(
        &self,
        repository: &RepositoryName,
        _: &str,
        content: Bytes,
        tags: &[Tag],
    ) -> Result<ManifestDigest, RegistryError> {
        let digest = ManifestDigest::of(&content);
        for tag in tags {
            let key = (repository.to_string(), tag.to_string());
            let content = content.clone();
            let put = |state: &mut State| {
                state.documents.insert(digest, content);
                state.tags.insert(key, digest);
            };
            self.step(format!("put {repository}:{tag}"), put).await;
        }
        Ok(digest)
    }

    async fn artifact(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Bytes>, RegistryError> {
        let key = (repository.to_string(), tag.to_string());
        let read = |state: &mut State| {
            let digest = state.tags.get(&key)?;
            state.documents.get(digest).cloned()
        };
        Ok(self.step(format!("read {repository}:{tag}"), read).await)
    }

    async fn login(&self) -> Result<Option<Login>, RegistryError> {
        Ok(None)
    }
}

#[async_trait(?Send)]
impl Operations for Process {
    async fn service_state(
        &self,
        _: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<ServiceState, ServiceError> {
        let project = deployment.project.to_string();
        let what = format!("ask {project}");
        let image = self.step(what, |state| state.services.get(&project).cloned()).await;
        Ok(ServiceState::Runs { image: image.unwrap_or_default() })
    }

    async fn prepare_terraform(&self) -> Result<(), TerraformError> {
        Ok(())
    }

    async fn promote(&self, project: &ProjectDeployment) -> Result<Copied, RegistryError> {
        Ok(self.step(format!("promote {}", project.name), |_| Copied::default()).await)
    }

    async fn plan_terraform(
        &self,
        project: &ProjectDeployment,
        _: &TerraformRoot,
    ) -> Result<(), TerraformError> {
        self.step(format!("plan {}", project.name), |_| ()).await;
        Ok(())
    }

    async fn apply_terraform(
        &self,
        project: &ProjectDeployment,
        root: &TerraformRoot,
        _: &Interruption,
    ) -> Result<(), TerraformError> {
        let apply = |state: &mut State| {
            state.terraform.insert(root.folder.path.to_string(), root.fingerprint);
        };
        self.step(format!("apply {}", project.name), apply).await;
        Ok(())
    }

    async fn restart(
        &self,
        project: &ProjectDeployment,
        _: &ServiceConfig,
        deployment: &Deployment<'_>,
    ) -> Result<(), ProjectError> {
        let image = deployment.image.to_string();
        let name = project.name.to_string();
        let restart = |state: &mut State| state.services.insert(name, image);
        self.step(format!("restart {}", project.name), restart).await;
        Ok(())
    }
}
