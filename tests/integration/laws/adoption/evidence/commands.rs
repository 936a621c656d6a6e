//! Commands that build images, in Makefiles, scripts, buildspecs, Jenkinsfiles and the files of GitLab.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{ITEM, Images, Shape, by_shape};
use crate::laws::adoption::draft::Evidence;
use crate::laws::adoption::image::{ASSETS, Image, SECRET};
use crate::laws::adoption::paths::relative;

pub(super) fn files(images: Images<'_>) -> BTreeMap<String, String> {
    let commands = |evidence: Evidence, registry: &str| -> Vec<(&Image, String)> {
        let command = |image| (image, command(image, &format!("{registry}/{}", image.name)));
        images.of(evidence).into_iter().map(command).collect()
    };
    let registry = &images.naming.registry;
    let mut makefile = String::new();
    let again = images.all.iter().filter(|image| image.is_said_twice && image.evidence.says_how());
    let again = again.map(|image| (image, command(image, &format!("$(REGISTRY)/{}", image.name))));
    let mut targets = commands(Evidence::Makefile, "$(REGISTRY)");
    targets.extend(again.filter(|(image, _)| image.evidence != Evidence::Makefile));
    for (image, command) in targets {
        writeln!(makefile, "image-{}:\n\t{}", image.name, command.replace(" \\\n", " \\\n\t\t")).unwrap();
    }
    let list: String = { commands(Evidence::Buildspec, registry).into_iter() }
        .map(|(_, command)| format!("      - {}\n", one_line(&command)))
        .collect();
    let job: String = { commands(Evidence::GitLab, registry).into_iter() }
        .map(|(_, command)| format!("    - {}\n", one_line(&command)))
        .collect();
    let head = format!("REGISTRY := {registry}\n\n");
    let buildspec = "version: 0.2\nphases:\n  build:\n    commands:\n";
    let gitlab = "images:\n  image: docker:27\n  script:\n";
    let of = |path: &str, head: &str, text: String| {
        (!text.is_empty()).then(|| (path.to_owned(), format!("{head}{text}")))
    };
    let all = [
        of("Makefile", &head, makefile),
        of("scripts/build.sh", "", script(&images.of(Evidence::Script), registry)),
        of("buildspec.yml", buildspec, list),
        of("Jenkinsfile", "", jenkinsfile(&images.of(Evidence::Jenkinsfile), images)),
        of(".gitlab-ci.yml", gitlab, job),
    ];
    all.into_iter().flatten().collect()
}

pub(super) fn one_line(command: &str) -> String {
    command.replace(" \\\n", " ")
}

/// A command that builds an image from the root.
pub(super) fn command(image: &Image, tag: &str) -> String {
    let shape = Shape::of(image);
    let text = match image.style % 5 {
        0 => format!("docker build {}", options(&shape, "", tag, false)),
        1 => format!("docker buildx build --load {}", options(&shape, "", tag, true)),
        2 => format!("podman build {}", options(&shape, "", tag, false)),
        3 => format!("docker build {}", options(&shape, "", tag, true)).replace(" --", " \\\n--"),
        _ => {
            let folder = &shape.context;
            format!("(cd {folder} && docker build {})", options(&shape, folder, tag, false))
        }
    };
    text.replace(ITEM, &image.name)
}

/// The options of a command that is run in a folder, and its context.
fn options(shape: &Shape, folder: &str, tag: &str, is_long: bool) -> String {
    let (joint, dockerfile) = (if is_long { "=" } else { " " }, relative(folder, &shape.dockerfile));
    let mut options = match is_long {
        true => format!("--tag={tag}:latest --file={dockerfile}"),
        false => format!("-t {tag}:latest -f {dockerfile}"),
    };
    shape.target.iter().for_each(|target| write!(options, " --target{joint}{target}").unwrap());
    for (name, value) in &shape.build_args {
        write!(options, " --build-arg{joint}{name}={value}").unwrap();
    }
    if !shape.platforms.is_empty() {
        write!(options, " --platform{joint}{}", shape.platforms.join(",")).unwrap();
    }
    if shape.has_secret {
        let (id, variable) = SECRET;
        write!(options, " --secret{joint}id={id},env={variable}").unwrap();
    }
    if shape.has_assets {
        let (name, assets) = ASSETS;
        write!(options, " --build-context{joint}{name}={}", relative(folder, assets)).unwrap();
    }
    format!("{options} {}", relative(folder, &shape.context))
}

/// A script, in which images of one shape are built by a loop.
fn script(images: &[&Image], registry: &str) -> String {
    let mut text = String::new();
    for (shape, of_shape) in by_shape(images) {
        if let [image] = of_shape[..] {
            text += &command(image, &format!("$REGISTRY/{}", image.name));
        } else {
            let names: Vec<&str> = of_shape.iter().map(|image| image.name.as_str()).collect();
            let options = options(&shape, "", &format!("$REGISTRY/{ITEM}"), false).replace(ITEM, "${name}");
            text += &format!("for name in {}; do\n  docker build {options}\ndone", names.join(" "));
        }
        text.push('\n');
    }
    if text.is_empty() {
        return text;
    }
    format!("#!/bin/sh\nset -eu\ncd \"$(dirname \"$0\")/..\"\nREGISTRY={registry}\n{text}")
}

/// A pipeline, with steps of each kind.
fn jenkinsfile(of_pipeline: &[&Image], images: Images<'_>) -> String {
    let mut steps = String::new();
    for image in of_pipeline {
        let (shape, tag) = (Shape::of(image), images.tag(image));
        let step = match image.style % 4 {
            0 => format!("sh '{}'", one_line(&command(image, &tag))),
            1 => format!("sh '''\n  set -e\n  {}\n'''", command(image, &tag)),
            2 => {
                let options = options(&shape, &shape.context, &tag, false).replace(ITEM, &image.name);
                format!("dir('{}') {{ sh \"docker build {options}\" }}", image.context)
            }
            _ => {
                let options = options(&shape, "", &tag, false).replace(ITEM, &image.name);
                let (_, rest) = options.split_once(" -f ").expect("it has a Dockerfile");
                format!("script {{ docker.build(\"{tag}:1\", \"-f {rest}\") }}")
            }
        };
        writeln!(steps, "{step}").unwrap();
    }
    if steps.is_empty() {
        return steps;
    }
    format!("pipeline {{\n  agent any\n  stages {{ stage('images') {{ steps {{\n{steps}}} }} }}\n}}\n")
}
