//! Generated pipelines as their CIs would run them: on machines that share nothing but the registry.

mod directives;
mod end_state;
mod gate;
mod logins;
mod monorepo;
mod runner;
mod same_images;
mod tags;
mod untrusted;

/// Makes a test for each CI of a function that takes one.
macro_rules! in_each_ci {
    ($($test:ident),+ $(,)?) => {
        $(mod $test {
            use crate::support::ci::System;

            #[test]
            fn circleci() {
                super::$test(System::CircleCi);
            }

            #[test]
            fn github() {
                super::$test(System::GitHub);
            }

            #[test]
            fn gitlab() {
                super::$test(System::GitLab);
            }

            #[test]
            fn buildkite() {
                super::$test(System::Buildkite);
            }

            #[test]
            fn codebuild() {
                super::$test(System::CodeBuild);
            }
        })+
    };
}

use in_each_ci;
