//! Credentials: how often they are loaded, and what is said where there are none.

use std::collections::VecDeque;

use aws_config::BehaviorVersion;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::*;
use crate::aws::http;

/// Gives credentials that expire so, one after the other, and never answers after that.
#[derive(Debug)]
struct Gives(Mutex<VecDeque<Option<Duration>>>);

impl ProvideCredentials for Gives {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let next = self.0.lock().unwrap().pop_front();
        future::ProvideCredentials::new(async move {
            tokio::task::yield_now().await;
            match next {
                Some(left) => {
                    let expiry = left.map(|left| SystemTime::now() + left);
                    Ok(Credentials::new("key", "secret", None, expiry, "tests"))
                }
                None => std::future::pending().await,
            }
        })
    }
}

fn gives(expiries: impl IntoIterator<Item = Option<Duration>>) -> CachedCredentials {
    let provider = SharedCredentialsProvider::new(Gives(Mutex::new(expiries.into_iter().collect())));
    let within = Duration::from_millis(50);
    CachedCredentials::new(Source::Chain { provider, label: "`give`".to_owned(), within })
}

fn files(contents: &str) -> EnvConfigFiles {
    EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, contents).build()
}

#[tokio::test]
async fn credentials_are_loaded_once_for_all_who_need_them() {
    let credentials = gives([None]);

    let all = futures_util::future::join_all((0..5).map(|_| credentials.load(MARGIN))).await;

    assert!(all.iter().all(Result::is_ok), "{all:?}");
    credentials.load(LASTING).await.unwrap();
}

#[tokio::test]
async fn credentials_that_soon_expire_are_loaded_again() {
    let credentials = gives([Some(Duration::from_secs(30)), Some(Duration::from_secs(3600))]);

    credentials.load(MARGIN).await.unwrap();
    let newer = credentials.load(MARGIN).await.unwrap();

    assert!(newer.expiry().unwrap() > SystemTime::now() + LASTING);
    assert_eq!(credentials.load(MARGIN).await.unwrap().expiry(), newer.expiry());
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_named() {
    let error = gives([]).load(MARGIN).await.unwrap_err();

    assert_eq!(error.to_string(), "there are no credentials within 50ms: `give` did not answer");
}

#[tokio::test]
async fn a_profile_s_program_is_named_without_its_arguments() {
    let config = "[profile a]\ncredential_process = /bin/give --token s3cret\n[profile b]\nregion = x\n";
    for (profile, expected) in [
        (Some("a"), "`/bin/give`, the `credential_process` of the profile `a`"),
        (Some("b"), "the profile `b`"),
        (None, "the sources where AWS's tools look for credentials"),
    ] {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).profile_files(files(config));
        let loader = loader.http_client(http::client()).region(aws_config::Region::from_static("us-east-2"));
        let loaded = loader.profile_name(profile.unwrap_or("b")).load().await;

        assert_eq!(label(&loaded, profile), expected);
    }
}

#[tokio::test]
async fn a_profile_of_aws_login_is_told_apart() {
    let config = "[profile a]\nlogin_session = arn:aws:iam::123456789012:user/a\nregion = us-east-2\n";
    let provider = ProfileFileCredentialsProvider::builder()
        .configure(&ProviderConfig::default().with_http_client(http::client()))
        .profile_files(files(config))
        .profile_name("a")
        .build();

    let error = not_found(provider.provide_credentials().await.unwrap_err());

    assert!(matches!(error, AwsError::LoginSession), "{error:?}");
}
