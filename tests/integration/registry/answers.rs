//! What a registry answers when all is well, and how often it is asked for that.

use bytes::Bytes;
use chinampa::internals::registry::{Registry, RegistryError};
use futures_util::future::join_all;

use crate::registry::{TYPE, new_repository, put, registry, tag, upstream};
use crate::support::proxy::{Fault, Proxy, Rule};

#[tokio::test]
async fn absent_and_present_are_told_apart() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let before = registry.find(&repository, &tag("a")).await.unwrap();
    let digest = put(&repository, "1", &[tag("a")]).await;

    let after = registry.find(&repository, &tag("a")).await.unwrap();

    assert_eq!((before, after), (None, Some(digest)));
    assert_eq!(registry.find(&repository, &tag("b")).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_absent_takes_one_request_once_the_registry_has_asked_for_a_password() {
    let proxy = Proxy::start(&upstream(), []).await;
    let (registry, repository) = (registry(proxy.host()), new_repository());

    for name in ["a", "b"] {
        assert_eq!(registry.find(&repository, &tag(name)).await.unwrap(), None);
    }

    let path = format!("/v2/{repository}/manifests");
    let expected = [("a", 401), ("a", 404), ("b", 404)];
    assert_eq!(proxy.lines(), expected.map(|(name, status)| format!("HEAD {path}/{name} {status}")));
}

#[tokio::test]
async fn many_are_asked_for_at_once() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let digest = put(&repository, "1", &[tag("t0"), tag("t7")]).await;
    let tags: Vec<_> = (0..40).map(|number| tag(&format!("t{number}"))).collect();

    let found = join_all(tags.iter().map(|tag| registry.find(&repository, tag))).await;

    for (number, found) in found.into_iter().enumerate() {
        let expected = [0, 7].contains(&number).then_some(digest);
        assert_eq!(found.unwrap(), expected, "t{number}");
    }
}

#[tokio::test]
async fn tags_move_in_their_order_to_the_very_bytes_that_are_there() {
    let repository = new_repository();
    let first = put(&repository, "1", &[tag("branch-main"), tag("first")]).await;
    let second = put(&repository, "2", &[tag("second")]).await;
    let proxy = Proxy::start(&upstream(), []).await;
    let registry = registry(proxy.host());

    registry.tag(&repository, &second, &[tag("branch-main"), tag("cache-x")]).await.unwrap();

    for (name, expected) in [("branch-main", second), ("cache-x", second), ("first", first)] {
        assert_eq!(registry.find(&repository, &tag(name)).await.unwrap(), Some(expected), "{name}");
    }
    let path = format!("/v2/{repository}/manifests");
    assert_eq!(
        proxy.lines()[..6],
        [
            format!("GET {path}/{second} 401"),
            format!("GET {path}/{second} 200"),
            format!("HEAD {path}/branch-main 200"),
            format!("PUT {path}/branch-main 201"),
            format!("HEAD {path}/cache-x 404"),
            format!("PUT {path}/cache-x 201"),
        ]
    );
}

#[tokio::test]
async fn tagging_what_is_not_there_is_an_error() {
    let repository = new_repository();
    let digest = put(&new_repository(), "1", &[tag("a")]).await;

    let error = registry(&upstream()).tag(&repository, &digest, &[tag("b")]).await.unwrap_err();

    assert!(matches!(error, RegistryError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn a_document_comes_back_as_it_was_stored() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let content = Bytes::from(vec![0xa5; 3 << 20]);
    let before = registry.artifact(&repository, &tag("a")).await.unwrap();

    let digest =
        registry.put_artifact(&repository, TYPE, content.clone(), &[tag("a"), tag("b")]).await.unwrap();

    assert_eq!(before, None);
    assert_eq!(registry.find(&repository, &tag("b")).await.unwrap(), Some(digest));
    assert_eq!(registry.artifact(&repository, &tag("a")).await.unwrap(), Some(content));
}

#[tokio::test]
async fn a_tag_that_is_taken_away_leaves_the_image_and_its_other_tags() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    let tags = [tag("kept"), tag("tainted")];
    let content = Bytes::from_static(b"document");
    registry.put_artifact(&repository, TYPE, content.clone(), &tags).await.unwrap();

    registry.untag(&repository, &tags[1]).await.unwrap();
    registry.untag(&repository, &tags[1]).await.unwrap();

    assert_eq!(registry.find(&repository, &tags[1]).await.unwrap(), None);
    assert_eq!(registry.artifact(&repository, &tags[0]).await.unwrap(), Some(content));
}

#[tokio::test]
async fn all_tags_are_listed_and_an_unknown_repository_has_none() {
    let (registry, repository) = (registry(&upstream()), new_repository());
    assert_eq!(registry.tags(&repository).await.unwrap(), []);
    let mut tags: Vec<_> = (0..5).map(|number| tag(&format!("t{number}"))).collect();
    put(&repository, "1", &tags).await;

    let mut listed = registry.tags(&repository).await.unwrap();

    listed.sort();
    tags.sort();
    assert_eq!(listed, tags);
}

#[tokio::test]
async fn a_list_of_tags_goes_on_where_the_registry_says_that_it_does() {
    let repository = new_repository();
    put(&repository, "1", &[tag("on-the-next-page")]).await;
    // As a registry behind a proxy may say it.
    let next = format!("<https://inside:5000/v2/{repository}/tags/list?n=1000&last=first>; rel=\"next\"");
    let headers = vec![("content-type", "application/json".to_owned()), ("link", next)];
    let page = Fault::Status { code: 200, headers, body: r#"{"tags": ["first"]}"#.to_owned() };
    let rule = Rule { method: "GET", path: "/tags/list", times: 1, fault: page };
    let proxy = Proxy::start(&upstream(), [rule]).await;

    let listed = registry(proxy.host()).tags(&repository).await.unwrap();

    assert_eq!(listed, [tag("first"), tag("on-the-next-page")]);
}

#[tokio::test]
async fn an_image_that_was_just_pushed_is_waited_for() {
    let repository = new_repository();
    let digest = put(&repository, "1", &[tag("a")]).await;
    let absent = || {
        let headers = vec![("docker-distribution-api-version", "registry/2.0".to_owned())];
        Fault::Status { code: 404, headers, body: String::new() }
    };
    for (times, is_there) in [(2, true), (usize::MAX, false)] {
        let rule = Rule { method: "GET", path: "/manifests/sha256:", times, fault: absent() };
        let proxy = Proxy::start(&upstream(), [rule]).await;

        let verified = registry(proxy.host()).verify(&repository, &digest, &digest).await;

        match is_there {
            true => verified.unwrap(),
            false => {
                let error = verified.unwrap_err();
                assert!(matches!(error, RegistryError::NotStored { .. }), "{error}");
            }
        }
    }
}
