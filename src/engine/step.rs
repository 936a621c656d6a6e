//! The names that the engine gives to steps.

/// A step that runs or copies something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// As the engine names it, such as `[2/3] RUN make`.
    pub name: String,
    /// Whether it was taken from the layer cache.
    pub cached: bool,
}

impl Step {
    /// How many steps are cached.
    pub fn count_cached(steps: &[Self]) -> usize {
        steps.iter().filter(|step| step.cached).count()
    }
}

/// The parts of the name of a Dockerfile's instruction: `[build 2/3] COPY . .`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLabel<'n> {
    /// `None` if the build has one stage only: the engine leaves its name out.
    pub stage: Option<&'n str>,
    /// `2/3`
    pub number: &'n str,
    pub instruction: &'n str,
}

impl<'n> StepLabel<'n> {
    /// `None` for other work of the engine, such as `exporting to image`.
    pub fn parse(name: &'n str) -> Option<Self> {
        let (label, instruction) = name.strip_prefix('[')?.split_once("] ")?;
        let (before, number) = label.rsplit_once(' ').unwrap_or(("", label));
        let is_count = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !number.split_once('/').is_some_and(|(step, of)| is_count(step) && is_count(of)) {
            return None;
        }
        // A platform may stand before the stage. It has a `/`, which a stage's name can't have.
        let stage = before.rsplit(' ').next().filter(|stage| !stage.is_empty() && !stage.contains('/'));
        Some(Self { stage, number, instruction })
    }

    /// Whether it runs or copies something, unlike `FROM`.
    pub fn is_step(&self) -> bool {
        !self.instruction.starts_with("FROM ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_or_copies_is_a_step() {
        for (name, expected) in [
            ("[2/3] RUN make", true),
            ("[build 2/3] COPY . .", true),
            ("[linux/amd64 build 12/13] WORKDIR /a", true),
            ("[1/3] FROM docker.io/library/a", false),
            ("[internal] load build definition from Dockerfile", false),
            ("exporting to image", false),
            ("[auth] a/b:pull token for a.example", false),
            ("[1/] RUN", false),
        ] {
            assert_eq!(StepLabel::parse(name).is_some_and(|label| label.is_step()), expected, "{name}");
        }
    }

    #[test]
    fn a_label_has_a_stage_if_the_build_has_several() {
        for (name, stage) in [
            ("[2/3] RUN make", None),
            ("[linux/amd64 2/3] RUN make", None),
            ("[build 2/3] RUN make", Some("build")),
            ("[linux/arm64 stage-1 2/3] RUN make", Some("stage-1")),
        ] {
            assert_eq!(StepLabel::parse(name).unwrap().stage, stage, "{name}");
        }
    }
}
