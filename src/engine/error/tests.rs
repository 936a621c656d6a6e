use super::*;

fn push_failed(message: &str) -> EngineError {
    let image = Box::new("r.example/api:v1".parse().expect("a reference"));
    EngineError::PushFailed { image, message: message.to_owned(), is_final: false }
}

#[test]
fn only_an_image_that_could_not_be_stored_is_built_again() {
    for (step, expected) in [
        (Some("exporting to image"), true),
        (Some("[2/2] RUN make"), false),
        (Some("[2/2] RUN echo exporting to image"), false),
        (None, false),
    ] {
        let step = step.map(str::to_owned);
        let error = EngineError::BuildFailed { step, log_tail: Vec::new(), message: String::new() };

        assert_eq!(error.is_export_failure(), expected, "{error}");
    }
}

#[test]
fn a_build_that_failed_with_another_one_is_told_from_its_own_failures() {
    let failed = |step: &str, message: &str| EngineError::BuildFailed {
        step: Some(step.to_owned()),
        log_tail: Vec::new(),
        message: message.to_owned(),
    };
    let with_our_login = |error| EngineError::PullFailed {
        host: "r.example".to_owned(),
        login: "as `ci`".to_owned(),
        source: Box::new(error),
    };
    let metadata = "[internal] load metadata for r.example/base:1";

    for message in [
        "Unavailable: error reading from server: EOF",
        "failed to authorize: rpc error: code = Unavailable desc = transport is closing",
        "failed to authorize: no active session for x5: context deadline exceeded",
    ] {
        assert!(failed(metadata, message).is_of_another_build(), "{message}");
        assert!(with_our_login(failed(metadata, message)).is_of_another_build(), "{message}");
    }
    let denied = failed(metadata, "unexpected status from HEAD request: 401 Unauthorized");
    assert!(denied.is_of_another_build(), "nobody asked us for a login");
    assert!(!with_our_login(denied).is_of_another_build());
    for (step, message) in [
        (metadata, "r.example/base:1: not found"),
        ("[2/2] RUN curl r.example", "failed to solve: error reading from server: EOF"),
        ("[2/2] RUN false", "executor failed running [/bin/sh -c false]: unauthorized"),
        ("[2/2] COPY a /b", "failed to open /b: permission denied"),
    ] {
        assert!(!failed(step, message).is_of_another_build(), "{message}");
    }
}

#[test]
fn what_fails_on_every_engine_is_told_from_trouble_of_one() {
    let failed = |step: Option<&str>| EngineError::BuildFailed {
        step: step.map(str::to_owned),
        log_tail: Vec::new(),
        message: String::new(),
    };

    // A syntax error is outside of all steps.
    for step in [None, Some("[2/2] RUN make"), Some("[build 2/3] COPY a /a")] {
        assert!(failed(step).is_of_build(), "{step:?}");
    }
    for step in
        ["[internal] load metadata for r.example/base:1", "[1/2] FROM r.example/base", "exporting to image"]
    {
        assert!(!failed(Some(step)).is_of_build(), "{step}");
    }
    assert!(!push_failed("received unexpected HTTP status: 503").is_of_build());
}

#[test]
fn an_image_that_left_the_engine_is_told_from_a_repository_that_is_not_there() {
    for (message, expected) in [
        ("An image does not exist locally with the tag: r.example/api", true),
        ("tag does not exist: r.example/api:v1", true),
        ("name unknown: The repository with name 'api' does not exist in the registry", false),
    ] {
        assert_eq!(push_failed(message).is_image_missing(), expected, "{message}");
    }
}

#[test]
fn a_frontend_fails_outside_of_all_steps() {
    let failed = |step: Option<&str>, message: &str| EngineError::BuildFailed {
        step: step.map(str::to_owned),
        log_tail: Vec::new(),
        message: message.to_owned(),
    };
    let frontend = "docker/dockerfile:1.4";

    for error in [
        failed(Some("resolve image config for docker.io/docker/dockerfile:1.4"), "no such host"),
        failed(Some("docker-image://docker.io/docker/dockerfile:1.4"), "401"),
        failed(None, "docker.io/docker/dockerfile:1.4: not found"),
    ] {
        assert!(error.is_about_frontend(frontend), "{error}");
        let source = Box::new(error);
        let pull = EngineError::PullFailed { host: String::new(), login: String::new(), source };
        assert!(pull.is_about_frontend(frontend));
    }
    for error in [
        failed(Some("[2/2] RUN pull docker/dockerfile:1.4"), "exit code: 1"),
        failed(Some("resolve image config for docker.io/library/node"), "docker/dockerfile:1.4"),
        failed(None, "no space"),
    ] {
        assert!(!error.is_about_frontend(frontend), "{error}");
    }
}

// issue 17: A3
#[test]
fn a_push_that_was_throttled_is_told_from_others() {
    for (message, expected) in [
        ("toomanyrequests: Rate exceeded", true),
        (
            "unexpected status from PUT request to https://r.example/v2/api/manifests/v1: 429 Too Many Requests",
            true,
        ),
        ("received unexpected HTTP status: 429 Too Many Requests", true),
        ("received unexpected HTTP status: 503 Service Unavailable", false),
        ("denied: 4290000", false),
    ] {
        assert_eq!(push_failed(message).is_throttled(), expected, "{message}");
    }
}

// issue 14: E6
#[test]
fn a_push_is_retried_unless_it_was_refused() {
    for (message, expected) in [
        ("received unexpected HTTP status: 503 Service Unavailable", true),
        ("toomanyrequests: too many requests", true),
        ("Put \"http://r.example/v2/api/manifests/x\": EOF", true),
        ("write tcp 10.0.0.1:443: connection reset by peer", true),
        ("denied: requested access to the resource is denied", false),
        ("unauthorized: authentication required", false),
        ("no basic auth credentials", false),
        ("error parsing HTTP 403 response body: unexpected end of JSON input: \"\"", false),
        ("name unknown: The repository with name 'api' does not exist in the registry", false),
        ("An image does not exist locally with the tag: r.example/api", false),
    ] {
        assert_eq!(push_failed(message).is_temporary(), expected, "{message}");
    }
}
