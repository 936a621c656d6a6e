//! A buildspec as a shell script.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::keys::Keys;

const PHASES: [&str; 4] = ["install", "pre_build", "build", "post_build"];

/// The phases of a buildspec as a script: one shell runs all of it, and a command that fails ends its phase.
///
/// A phase is followed by its `finally`. If `install` or `pre_build` fail, only `finally` is run any more; `post_build` is run
/// after a `build` that failed, and knows of it. `on-failure: CONTINUE` goes on in any case, and the build has failed.
pub(super) fn shell(buildspec: &Value) -> String {
    let mut keys = Keys::of("the buildspec", buildspec);
    keys.only("version", &json!(0.2));
    let mut phases = Keys::of("`phases`", keys.required("phases"));
    keys.end();
    let mut script = "ended=0 failed=0\nexport CODEBUILD_BUILD_SUCCEEDING=1\n".to_owned();
    for name in PHASES {
        let Some(phase) = phases.take(name) else { continue };
        let mut phase = Keys::of(name, phase);
        let commands = phase.texts("commands").unwrap_or_else(|| panic!("`{name}` has no commands"));
        let finally = phase.texts("finally").unwrap_or_default();
        assert!(!commands.is_empty(), "an empty list is refused");
        let goes_on = match phase.text("on-failure").as_deref() {
            Some("CONTINUE") => true,
            Some("ABORT") => false,
            None => name == "build",
            Some(other) => panic!("the runner does not know `on-failure: {other}`"),
        };
        phase.end();
        script += "if [ $ended = 0 ]; then\nok=1\n";
        for command in &commands {
            writeln!(script, "if [ $ok = 1 ]; then\n{command}\n[ $? = 0 ] || ok=0\nfi").unwrap();
        }
        for command in &finally {
            writeln!(script, "{command}\n[ $? = 0 ] || ok=0").unwrap();
        }
        let ended = u8::from(!goes_on);
        writeln!(script, "[ $ok = 1 ] || {{ failed=1; ended={ended}; CODEBUILD_BUILD_SUCCEEDING=0; }}\nfi")
            .unwrap();
    }
    phases.end();
    script + "exit $failed\n"
}
