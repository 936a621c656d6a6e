//! A workflow of GitHub: steps with the action that builds, a matrix of them, and commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::commands::{command, one_line};
use super::{ITEM, Images, Shape, by_shape};
use crate::laws::adoption::draft::Evidence;
use crate::laws::adoption::image::{ASSETS, Image, SECRET};

const JOB: &str = "    runs-on: ubuntu-latest\n";
const CHECKOUT: &str = "    steps:\n      - uses: actions/checkout@v4\n";

pub(super) fn files(images: Images<'_>) -> BTreeMap<String, String> {
    let registry = &images.naming.registry;
    let (of_matrix, alone): (Vec<&Image>, Vec<&Image>) =
        images.of(Evidence::Workflow).into_iter().partition(|image| image.style.is_multiple_of(3));
    let mut jobs = String::new();
    for (number, (shape, of_shape)) in by_shape(&of_matrix).iter().enumerate() {
        let names: Vec<&str> = of_shape.iter().map(|image| image.name.as_str()).collect();
        let matrix = format!("    strategy:\n      matrix:\n        name: [{}]\n", names.join(", "));
        let step = step(shape, &format!("{registry}/{ITEM}")).replace(ITEM, "${{ matrix.name }}");
        write!(jobs, "  matrix{number}:\n{JOB}{matrix}{CHECKOUT}{step}").unwrap();
    }
    let alone = alone.iter().map(|image| match image.style % 3 {
        1 => format!("      - run: {}\n", one_line(&command(image, &images.tag(image)))),
        _ => step(&Shape::of(image), &images.tag(image)).replace(ITEM, &image.name),
    });
    let steps: String = alone.collect();
    if !steps.is_empty() {
        write!(jobs, "  images:\n{JOB}{CHECKOUT}{steps}").unwrap();
    }
    let file = (".github/workflows/images.yml".to_owned(), format!("on: push\njobs:\n{jobs}"));
    (!jobs.is_empty()).then_some(file).into_iter().collect()
}

fn step(shape: &Shape, tag: &str) -> String {
    let mut text = "      - uses: docker/build-push-action@v6\n        with:\n".to_owned();
    let Shape { context, dockerfile, target, build_args, platforms, has_secret, has_assets } = shape;
    write!(
        text,
        "          context: {context}\n          file: {dockerfile}\n          tags: {tag}:latest\n"
    )
    .unwrap();
    target.iter().for_each(|target| writeln!(text, "          target: {target}").unwrap());
    if !build_args.is_empty() {
        text.push_str("          build-args: |\n");
    }
    for (name, value) in build_args {
        writeln!(text, "            {name}={value}").unwrap();
    }
    if !platforms.is_empty() {
        writeln!(text, "          platforms: {}", platforms.join(",")).unwrap();
    }
    if *has_secret {
        let (id, variable) = SECRET;
        writeln!(text, "          secret-envs: |\n            {id}={variable}").unwrap();
    }
    if *has_assets {
        let (name, folder) = ASSETS;
        writeln!(text, "          build-contexts: |\n            {name}={folder}").unwrap();
    }
    text
}
