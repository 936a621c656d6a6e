//! The same pipeline as a workflow of CircleCI.

use insta::assert_snapshot;

use super::formats::generated;
use super::*;

#[test]
fn circleci_gets_a_workflow_of_parametrised_jobs() {
    assert_snapshot!(generated(Generated::CircleCi), @r#"
    note: `runner` of `[ci]` is not used: CircleCI has no such setting
    version: 2.1
    jobs:
      build:
        parameters:
          project: {type: string}
        machine: {image: "acme/ci:1"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                if [ -n "${CIRCLE_OIDC_TOKEN_V2:-}" ]; then
                  (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                  export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                fi
                chinampa build << parameters.project >> --directives named
      build-2:
        parameters:
          project: {type: string}
        machine: {image: "acme/ci:1"}
        resource_class: large
        environment: {A: "${{ secrets.A }}", B: "\\<< pipeline.id >>", C: "$HOME\n- x: 'y'\u202e"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                if [ -n "${CIRCLE_OIDC_TOKEN_V2:-}" ]; then
                  (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                  export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                fi
                chinampa build << parameters.project >> --directives named
      gate:
        machine: {image: "acme/ci:1"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                if [ -n "${CIRCLE_OIDC_TOKEN_V2:-}" ]; then
                  (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                  export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                fi
                chinampa build --directives named
      deploy:
        parameters:
          environment: {type: string}
        machine: {image: "acme/ci:1"}
        steps:
          - checkout
          - run:
              name: chinampa
              command: |
                set -eu
                tools=$(mktemp -d)
                curl --fail --silent --show-error --location --proto =https --output "$tools/download" 'https://example.com/chinampa-1.2.3.tar.gz'
                echo '0000000000000000000000000000000000000000000000000000000000000000  '"$tools/download" | sha256sum --check --quiet -
                tar --extract --gzip --file "$tools/download" --directory "$tools" chinampa
                export PATH="$tools:$PATH"
                if [ -n "${CIRCLE_OIDC_TOKEN_V2:-}" ]; then
                  (umask 077 && printf %s "$CIRCLE_OIDC_TOKEN_V2" > "$tools/token")
                  export AWS_ROLE_ARN='arn:aws:iam::123456789012:role/ci' AWS_WEB_IDENTITY_TOKEN_FILE="$tools/token"
                fi
                chinampa deploy --environment << parameters.environment >>
    workflows:
      images:
        jobs:
          - build: {name: build-base, project: base}
          - build:
              name: build-api_v2
              project: api.v2
              requires: [build-base]
          - build-2:
              name: build-site
              project: site
              requires: [build-base]
          - gate:
              requires: [build-api_v2, build-site]
          - deploy:
              name: deploy-dev
              environment: dev
              serial-group: "<< pipeline.project.slug >>/dev"
              requires: [gate]
          - approve-prod:
              type: approval
              requires: [gate]
          - deploy:
              name: deploy-prod
              environment: prod
              serial-group: "<< pipeline.project.slug >>/prod"
              requires: [approve-prod]
    "#);
}

/// Else CircleCI would leave a job out, and every job that waits for it.
#[test]
fn each_job_of_circleci_has_a_filter_in_the_pipeline_of_a_tag() {
    let pipeline = Pipeline { reference: Reference::Tag, ..everything(&["base", "site"]) };
    let untrusted = Pipeline::untrusted(Setup::default(), Reference::Tag);
    let workflow = |pipeline: &Pipeline| {
        let text = pipeline.render(Generated::CircleCi).unwrap().text;
        text.split_once("\nworkflows:\n").unwrap().1.to_owned()
    };

    assert_snapshot!(workflow(&pipeline), @r#"
      images:
        jobs:
          - build:
              name: build-base
              project: base
              filters:
                tags: {only: "/.*/"}
          - build-2:
              name: build-site
              project: site
              requires: [build-base]
              filters:
                tags: {only: "/.*/"}
          - gate:
              requires: [build-site]
              filters:
                tags: {only: "/.*/"}
          - deploy:
              name: deploy-dev
              environment: dev
              serial-group: "<< pipeline.project.slug >>/dev"
              requires: [gate]
              filters:
                tags: {only: "/.*/"}
          - approve-prod:
              type: approval
              requires: [gate]
              filters:
                tags: {only: "/.*/"}
          - deploy:
              name: deploy-prod
              environment: prod
              serial-group: "<< pipeline.project.slug >>/prod"
              requires: [approve-prod]
              filters:
                tags: {only: "/.*/"}
    "#);
    assert_snapshot!(workflow(&untrusted), @r#"
      images:
        jobs:
          - gate:
              filters:
                tags: {only: "/.*/"}
    "#);
}
