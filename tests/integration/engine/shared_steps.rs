//! Builds of several clients of one engine that wait for the same step.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chinampa::internals::engine::{BuildRequest, Built, Engine as _, EngineError, LoginSource, Logins};
use chinampa::internals::model::{Credentials, Host, Login, Secret};
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, SetOnce};

use crate::engine::support::{self, BASE, TestEngine, request, unique};
use crate::support::bed;
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    a_build_outlives_another_one_that_is_killed_while_both_wait_for_an_image,
    a_build_does_not_fail_for_the_login_of_another_one,
);

/// In which a build comes to the image that it is made from.
const TIME_TO_WAIT_FOR_AN_IMAGE: Duration = Duration::from_secs(2);

/// Answers when it is allowed to, and then with a wrong login.
#[derive(Debug, Default)]
struct Slow {
    asked: Notify,
    answers: SetOnce<()>,
}

#[async_trait]
impl LoginSource for Slow {
    async fn login(&self, _: &Host) -> Option<Result<Login, String>> {
        self.asked.notify_one();
        self.answers.wait().await;
        Some(Ok(login("wrong")))
    }
}

/// A build of an image whose parent can only be pulled with a login, and is not in the other machine's engine.
async fn child_of_private_parent(on: BedEngine) -> BuildRequest {
    let engine = support::connect(on).await;
    let nonce = unique();
    let parent = request(&format!("FROM {BASE}\nRUN echo {nonce} > /parent\n"), vec![]);
    let image = support::build(&engine, &parent).await.unwrap();
    let name = format!("{}/engine-{nonce}:v1", host()).parse().unwrap();
    engine.tag(&image.id(), &name).await.unwrap();
    let digest = engine.push(&name, Some(&login(bed::setting("REGISTRY_1_PASSWORD")))).await.unwrap();
    let dockerfile = format!("FROM {}@{digest}\nRUN cat /parent > /child\n", name.name());
    let logins = Logins::none().with_cache(&host(), Arc::new(login(bed::setting("REGISTRY_1_PASSWORD"))));
    BuildRequest { pull: true, logins, ..request(&dockerfile, vec![]) }
}

fn host() -> Host {
    bed::setting("REGISTRY_1").parse().unwrap()
}

fn login(password: impl Into<String>) -> Login {
    let password = Secret::new(password.into());
    Credentials { username: bed::setting("REGISTRY_1_USER"), password }.into()
}

/// Two builds of it in one engine, which is another machine's: the first waits for its login, and the second for the first where the
/// engine looks up the image for both at once.
struct TwoBuilds {
    engine: TestEngine,
    slow: Arc<Slow>,
    first: BuildRequest,
    second: BuildRequest,
}

impl TwoBuilds {
    async fn new(on: BedEngine) -> Self {
        let second = child_of_private_parent(on).await;
        let engine = support::connect(on.of_another_machine()).await;
        let slow = Arc::new(Slow::default());
        let first = BuildRequest { logins: Logins::none().with_source(slow.clone()), ..second.clone() };
        Self { engine, slow, first, second }
    }

    async fn build_second(self, then: impl AsyncFnOnce(&Slow, BoxFuture<'_, Result<Built, EngineError>>)) {
        let Self { engine, slow, first, second } = self;
        let mut first = engine.build(&first, &|_| ());
        let second = engine.build(&second, &|_| ());
        tokio::pin!(second);
        let early = tokio::select! {
            never = &mut first => panic!("nobody gave it a login: {never:?}"),
            early = async {
                slow.asked.notified().await;
                tokio::time::timeout(TIME_TO_WAIT_FOR_AN_IMAGE, &mut second).await
            } => early,
        };
        let built = match early {
            Ok(built) => built,
            Err(_) => tokio::join!(second, then(&slow, first)).0,
        };
        support::remove(&engine.client, &built.unwrap().image.to_string()).await;
    }
}

async fn a_build_outlives_another_one_that_is_killed_while_both_wait_for_an_image(on: BedEngine) {
    TwoBuilds::new(on).await.build_second(async |_, first| drop(first)).await;
}

async fn a_build_does_not_fail_for_the_login_of_another_one(on: BedEngine) {
    let deny = async |slow: &Slow, first: BoxFuture<'_, Result<Built, EngineError>>| {
        slow.answers.set(()).unwrap();
        first.await.unwrap_err();
    };
    TwoBuilds::new(on).await.build_second(deny).await;
}
