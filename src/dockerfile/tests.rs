use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Dockerfile {
    parse_with(text, &[])
}

fn parse_with(text: &str, build_args: &[(&str, &str)]) -> Dockerfile {
    let args = build_args.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let platform = "linux/arm64".parse().unwrap();
    match Dockerfile::parse(text.as_bytes(), &args, Some(&platform)) {
        Ok(dockerfile) => dockerfile,
        Err(error) => panic!("{error}: {:?}\n{text}", std::error::Error::source(&error)),
    }
}

fn error(text: &str) -> String {
    Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap_err().to_string()
}

fn references(text: &str) -> Vec<String> {
    parse(text).parents.into_iter().map(|parent| parent.reference).collect()
}

fn pinned(text: &str) -> String {
    let image: ImageRef = "host:5000/pinned:v1".parse().unwrap();
    String::from_utf8(parse(text).with_parents(|_| Some(image.clone()))).unwrap()
}

#[test]
fn parents_are_what_from_copy_and_mount_name() {
    let dockerfile = parse(
        "FROM golang:1 AS Build\n\
         RUN --mount=type=cache,target=/x \\\n  --mount=type=bind,from=tools,target=/t \\\n  make\n\
         FROM scratch\n\
         COPY --from=build /a /\n\
         COPY --from=0 /b /\n\
         COPY --from=alpine:3 /c /\n\
         COPY --from=scratch /d /\n\
         ONBUILD COPY --from=later /e /\n",
    );

    let parents: Vec<_> =
        dockerfile.parents().iter().map(|p| (p.reference.as_str(), p.line, p.stage)).collect();

    assert_eq!(parents, [("golang:1", 1, 0), ("tools", 3, 0), ("alpine:3", 8, 1), ("later", 10, 1)]);
    let of_triggers: Vec<bool> = dockerfile.parents().iter().map(|parent| parent.in_trigger).collect();
    assert_eq!(of_triggers, [false, false, false, true]);
    assert_eq!(dockerfile.stages()[1].needs, BTreeSet::from([0]));
}

#[test]
fn from_finds_only_stages_before_it_and_copy_finds_all() {
    let dockerfile = parse(
        "FROM a AS one\nCOPY --from=two x y\nFROM two AS two\nFROM two AS one\nFROM one\nCOPY --from=ONE x y\n",
    );

    let needs: Vec<Vec<usize>> =
        dockerfile.stages().iter().map(|stage| stage.needs.iter().copied().collect()).collect();
    assert_eq!(needs, [vec![1], vec![], vec![1], vec![2]]);
    assert_eq!(dockerfile.parents().iter().map(|p| p.reference.as_str()).collect::<Vec<_>>(), ["a", "two"]);
}

#[test]
fn a_number_is_a_stage_for_copy_and_an_image_for_a_mount() {
    let text = "FROM scratch\nFROM scratch\nCOPY --from=0 a b\nRUN --mount=from=0,target=/x true\n";

    assert_eq!(references(text), ["0"]);
}

#[test]
fn global_arguments_reach_from_and_a_stage_only_after_arg() {
    let text = "ARG TAG=1\nARG NAME=base:${TAG}\nFROM $NAME\nCOPY a$TAG /\nARG TAG\nCOPY a$TAG /\n";

    let dockerfile = parse_with(text, &[("TAG", "2")]);

    assert_eq!(dockerfile.parents()[0].reference, "base:2");
    let paths: Vec<_> = dockerfile.copies.iter().map(|copy| copy.sources[0].path.as_deref()).collect();
    assert_eq!(paths, [None, Some("a2")]);
}

#[test]
fn a_stage_inherits_the_variables_of_the_stage_it_starts_from() {
    let text =
        "FROM a AS one\nENV DIR=src\nFROM one\nENV DIR=$DIR/main FILE=$DIR/x\nCOPY $DIR $FILE $OTHER /\n";

    let sources: Vec<_> = parse(text).copies[0].sources.iter().map(|source| source.path.clone()).collect();

    assert_eq!(sources, [Some("src/main".to_owned()), Some("src/x".to_owned()), None]);
}

#[test]
fn a_build_argument_that_nobody_declares_changes_nothing() {
    let dockerfile = parse_with("FROM a\nARG B C=1\nCOPY $D /\n", &[("D", "x")]);

    assert_eq!(dockerfile.copies[0].sources[0].path, None);
}

// issue 16: I11
#[test]
fn a_build_argument_has_an_effect_if_an_arg_declares_it_or_it_needs_none() {
    let dockerfile = parse(
        "ARG GLOBAL\nFROM scratch AS one\nARG ONE=1 TWO\nONBUILD ARG TRIGGER\nONBUILD ARG OTHER=1\nFROM one\nENV SET=1\n",
    );
    let unused = parse("FROM scratch\nONBUILD ARG TRIGGER\n");
    let foreign = parse("# syntax=example.com/frontend\nFROM scratch\n");

    let declared = ["GLOBAL", "ONE", "TWO", "TRIGGER", "OTHER"];
    let needs_none = ["HTTP_PROXY", "no_proxy", "SOURCE_DATE_EPOCH", "BUILDKIT_SYNTAX", "TARGETARCH"];
    for name in declared.into_iter().chain(needs_none) {
        assert!(dockerfile.uses_build_arg(name), "{name}");
    }
    for name in ["SET", "one", "Http_Proxy", "MY_PROXY", "BUILDKIT"] {
        assert!(!dockerfile.uses_build_arg(name), "{name}");
    }
    assert!(!unused.uses_build_arg("TRIGGER"));
    assert!(foreign.uses_build_arg("SET"));
}

#[test]
fn variables_expand_as_in_buildkit() {
    for (text, expected) in [
        ("${A}", "a.b/c:v1.2"),
        ("$A", "a.b/c:v1.2"),
        ("${NONE:-x}y", "xy"),
        ("${EMPTY:-x}y", "xy"),
        ("${EMPTY-x}y", "y"),
        ("${NONE-x}y", "xy"),
        ("${A:+x}y", "xy"),
        ("${EMPTY:+x}y", "y"),
        ("${EMPTY+x}y", "xy"),
        ("${NONE:-${EMPTY:-deep}}", "deep"),
        ("${A:?no}", "a.b/c:v1.2"),
        ("${A%:*}", "a.b/c"),
        ("${A%%.*}x", "ax"),
        ("${A#*.}", "b/c:v1.2"),
        ("${A##*/}", "c:v1.2"),
        ("${A/v?/w}", "a.b/c:w.2"),
        ("${A//./-}", "a-b/c:v1-2"),
        ("\"${A}\"", "a.b/c:v1.2"),
        ("x'$A'y\\$", "x$Ay$"),
        ("base-$TARGETARCH", "base-arm64"),
        ("$", "$"),
    ] {
        let file = format!("ARG A=a.b/c:v1.2\nARG EMPTY=\nARG NONE\nFROM {text}\n");

        assert_eq!(references(&file), [expected], "{text}");
    }
}

#[test]
fn the_escape_character_escapes_in_words_too() {
    assert_eq!(references("# escape=`\nARG A=1\nFROM a`\n\\$A`$A\n"), ["a\\1$A"]);
}

#[test]
fn pinning_replaces_the_references_and_nothing_else() {
    for (text, expected) in [
        ("\u{feff}# x\r\nfrom  $A:-x  as b\r\n", "\u{feff}# x\r\nfrom  host:5000/pinned:v1  as b\r\n"),
        ("FROM --platform=$BUILDPLATFORM a", "FROM --platform=$BUILDPLATFORM host:5000/pinned:v1"),
        ("FROM \\\n # c\n \"a\" AS b\n", "FROM \\\n # c\n host:5000/pinned:v1 AS b\n"),
        ("FROM a\\\nb\nRUN x\n", "FROM host:5000/pinned:v1\nRUN x\n"),
        (
            "FROM scratch\nCOPY --chown=1 --from=\"x/y\" [\"a\", \"b\"]\n",
            "FROM scratch\nCOPY --chown=1 --from=\"host:5000/pinned:v1\" [\"a\", \"b\"]\n",
        ),
        (
            "FROM scratch\nRUN --mount='type=bind,\"from=x\",target=/x' --mount=from=y\\z,target=/y x y\n",
            "FROM scratch\nRUN --mount='type=bind,\"from=host:5000/pinned:v1\",target=/x' --mount=from=host:5000/pinned:v1,target=/y x y\n",
        ),
        (
            "FROM scratch\nCOPY --from=a\"b\"c\\d e f\n",
            "FROM scratch\nCOPY --from=\"\"host:5000/pinned:v1 e f\n",
        ),
        (
            "FROM scratch\nRUN --mount=from=li\\\n# c\nb\nFROM lib\n",
            "FROM scratch\nRUN --mount=from=\\\n# c\nhost:5000/pinned:v1\nFROM host:5000/pinned:v1\n",
        ),
    ] {
        let text = text.replace("$A:-x", "${A:-x}");

        assert_eq!(pinned(&text), expected);
    }
}

#[test]
fn a_parent_without_a_pin_stays() {
    let text = "FROM a AS x\nFROM b\nCOPY --from=a x y\n";

    let pinned = parse(text).with_parents(|parent| (parent.reference == "b").then(|| "c".parse().unwrap()));

    assert_eq!(pinned, b"FROM a AS x\nFROM c\nCOPY --from=a x y\n");
}

#[test]
fn the_frontend_is_replaced_where_it_stands_and_nothing_else_is() {
    let pinned = |text: &str| {
        let frontend: ImageRef = "f:1".parse().unwrap();
        String::from_utf8(parse(text).with_images(|_| Some("b:1".parse().unwrap()), Some(&frontend))).unwrap()
    };

    for (text, expected) in [
        ("# syntax=docker/dockerfile:1\nFROM a\n", "# syntax=f:1\nFROM b:1\n"),
        ("\u{feff}#SYNTAX = x/y more \r\nFROM a", "\u{feff}#SYNTAX = f:1 more \r\nFROM b:1"),
        ("# escape=`\n  # syntax=syntax\nFROM a", "# escape=`\n  # syntax=f:1\nFROM b:1"),
        ("# a comment\n# syntax=x\nFROM a", "# a comment\n# syntax=x\nFROM b:1"),
        ("FROM a\n# syntax=x\n", "FROM b:1\n# syntax=x\n"),
    ] {
        assert_eq!(pinned(text), expected);
    }
    let text = "# syntax=x\nFROM a\n";
    assert_eq!(parse(text).with_images(|_| None, None), text.as_bytes());
}

fn parse_among(
    text: &str,
    contexts: &BTreeSet<&ContextName>,
    triggers: &BTreeMap<String, Vec<Trigger>>,
) -> Dockerfile {
    let parameters = Parameters { build_args: &BTreeMap::new(), platform: None, contexts, triggers };
    Dockerfile::parse_with(text.as_bytes(), parameters).unwrap()
}

/// The sources of a build of the last stage, each with its line; `?` where it isn't known.
fn taken(dockerfile: &Dockerfile) -> Vec<(String, usize)> {
    let copies = dockerfile.copies_needed_for(None).unwrap().into_iter().flat_map(|copy| &copy.sources);
    copies.map(|source| (source.path.clone().unwrap_or_else(|| "?".to_owned()), source.line)).collect()
}

#[test]
fn a_trigger_is_carried_out_in_the_stage_that_starts_from_its_own() {
    let text = "FROM a AS one\nCOPY 1 /\nONBUILD ARG DIR=src\nONBUILD COPY $DIR /\nFROM b AS build\nCOPY 2 /\n\
        FROM one AS two\nCOPY 3 /\nFROM two\nCOPY 4 /\n";

    let dockerfile = parse_among(text, &BTreeSet::new(), &BTreeMap::new());

    let expected = [("1", 2), ("src", 4), ("3", 8), ("4", 10)];
    assert_eq!(taken(&dockerfile), expected.map(|(path, line)| (path.to_owned(), line)));
}

#[test]
fn the_triggers_of_an_image_belong_to_the_line_that_names_it() {
    let none = (BTreeSet::new(), BTreeMap::new());
    let image = "FROM a\nONBUILD COPY nothing /\nFROM a\nONBUILD COPY --from=build --parents x /\nONBUILD COPY \\\n  $DIR y /\n\
        ONBUILD RUN --mount=source=z,target=/z make\n";
    let image = parse_among(image, &none.0, &none.1);
    let triggers = [("ours".to_owned(), image.triggers_of(None).unwrap().to_vec())].into();

    let text = "FROM c AS build\nCOPY 1 /\nFROM ours\nCOPY 2 /\n";
    let dockerfile = parse_among(text, &none.0, &triggers);

    let expected = [("1", 2), ("?", 3), ("y", 3), ("z", 3), ("2", 4)];
    assert_eq!(taken(&dockerfile), expected.map(|(path, line)| (path.to_owned(), line)));
    let parents = dockerfile.parents_needed_for(None).unwrap();
    assert_eq!(parents.iter().map(|parent| parent.reference.as_str()).collect::<Vec<_>>(), ["c", "ours"]);
    let pinned = dockerfile.with_parents(|_| Some("d:1".parse().unwrap()));
    assert_eq!(String::from_utf8(pinned).unwrap(), text.replace("FROM c", "FROM d:1").replace("ours", "d:1"));
}

#[test]
fn triggers_that_would_fill_the_memory_are_an_error() {
    let triggers = format!("ONBUILD COPY {} /\n", "x".repeat(500)).repeat(1000);
    let text = format!("FROM a AS one\n{triggers}{}", "FROM one\n".repeat(100));

    let error = Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap_err();

    assert!(matches!(error, DockerfileError::TooMuchExpansion { .. }), "{error}");
}

#[test]
fn what_no_image_can_set_is_empty() {
    let text = "ARG ALL=x\nFROM scratch AS one\nARG NAME\nARG ALL\nCOPY ${NAME}.txt $ALL $PATH $http_proxy /\n\
        FROM one\nCOPY a$OTHER /\nFROM one AS again\nFROM b\nARG NAME\nCOPY --from=again / /\nCOPY ${NAME}.txt /\n";

    let dockerfile = parse_among(text, &BTreeSet::new(), &BTreeMap::new());

    let expected = [(".txt", 5), ("x", 5), ("?", 5), ("?", 5), ("?", 12)];
    assert_eq!(taken(&dockerfile), expected.map(|(path, line)| (path.to_owned(), line)));
}

#[test]
fn the_name_of_a_context_comes_before_that_of_a_stage_and_of_an_image() {
    let text = "FROM a AS Proto\nRUN x\nFROM node:22 AS first\nFROM docker.io/library/node:22\nCOPY --from=PROTO x y\n\
         COPY --from=0 x y\nCOPY --from=1 x y\nRUN --mount=from=proto,target=/m \\\n  x\nFROM proto\nCOPY --from=2 x y\n\
         ONBUILD COPY --from=proto x y\n";
    let contexts: BTreeSet<ContextName> = ["proto", "node:22"].map(|name| name.parse().unwrap()).into();
    let contexts = contexts.iter().collect();

    let dockerfile = parse_among(text, &contexts, &BTreeMap::new());

    let parents: Vec<_> = dockerfile.parents_needed_for(None).unwrap();
    let parents: Vec<_> = parents.iter().map(|parent| (parent.reference.as_str(), parent.line)).collect();
    assert_eq!(
        parents,
        [
            ("node:22", 3),
            ("docker.io/library/node:22", 4),
            ("proto", 5),
            ("proto", 6),
            ("proto", 8),
            ("proto", 10)
        ]
    );
    assert_eq!(
        dockerfile.stages_needed_for(None).unwrap().iter().map(|stage| stage.index).collect::<Vec<_>>(),
        [1, 2]
    );
    let pinned =
        dockerfile.with_parents(|parent| (parent.reference == "proto").then(|| "c:1".parse().unwrap()));
    let expected = text.replace("from=PROTO", "from=c:1").replace("from=0", "from=c:1");
    let expected = expected.replace("from=proto,", "from=c:1,").replace("FROM proto", "FROM c:1");
    assert_eq!(String::from_utf8(pinned).unwrap(), expected);
}

#[test]
fn a_stage_that_a_context_stands_for_can_not_be_built() {
    let contexts: BTreeSet<ContextName> = ["last".parse().unwrap()].into();
    let contexts = contexts.iter().collect();
    let dockerfile = parse_among("FROM a AS first\nFROM b AS Last\n", &contexts, &BTreeMap::new());

    let error = dockerfile.parents_needed_for(None).unwrap_err();

    assert_eq!(
        error.to_string(),
        "a named context stands for the stage `last`, so there is nothing to build"
    );
    assert!(dockerfile.parents_needed_for(Some(&"first".parse().unwrap())).is_ok());
}

#[test]
fn a_mount_of_a_secret_or_an_agent_is_known_by_its_id_or_what_stands_in_its_place() {
    let text = "FROM a\nRUN --mount=type=secret,id=one,required,env=ONE --mount=type=ssh x\n\
         RUN --mount=type=secret,source=two,id=no --mount=target=/x/three,TYPE=Secret \\\n --mount=type=ssh,id=github x\n\
         FROM a\nRUN --mount=type=secret,id=four --mount=type=secret --mount=type=cache,id=c,target=/c x\n";

    let dockerfile = parse(text);

    let all: Vec<_> = dockerfile
        .mounts
        .iter()
        .map(|mount| (mount.kind, mount.id.as_str(), mount.stage, mount.line))
        .collect();
    use SessionMount::{Secret, Ssh};
    assert_eq!(
        all,
        [
            (Secret, "one", 0, 2),
            (Ssh, "default", 0, 2),
            (Secret, "two", 0, 3),
            (Secret, "three", 0, 3),
            (Ssh, "github", 0, 4),
            (Secret, "four", 1, 6)
        ]
    );
    assert_eq!(dockerfile.mounts_needed_for(None).unwrap().len(), 1);
}

#[test]
fn a_frontend_is_named_before_everything_else() {
    let frontend = |text: &str| parse(text).frontend();

    let expected = Some((2, "docker/dockerfile:1".to_owned()));
    assert_eq!(frontend("# escape=`\n#  Syntax = docker/dockerfile:1 more\nFROM a\n"), expected);
    for none in ["FROM a\n# syntax=x\n", "# comment\n# syntax=x\nFROM a\n", "\n# syntax=x\nFROM a\n"] {
        assert_eq!(frontend(none), None, "{none}");
    }
}

#[test]
fn the_body_of_a_here_document_holds_no_instructions() {
    let text = "FROM a\nRUN cat <<EOF > x && cat <<-'E 2'\nFROM b\nEOF\nFROM c\n\tE 2\n\
                COPY <<F file /x/\nCOPY --from=d a b\nF\nRUN echo $((1 << 2))\nRUN cat << G\nFROM e\nG\n";

    let dockerfile = parse(text);

    assert_eq!(dockerfile.parents().len(), 1);
    assert_eq!(dockerfile.copies[0].sources.iter().map(|s| s.written.as_str()).collect::<Vec<_>>(), ["file"]);
    assert_eq!(dockerfile.instructions().last().map(|i| (i.first_line, i.last_line)), Some((11, 13)));
}

#[test]
fn sources_know_their_lines() {
    let text = "FROM a\n\nCOPY a \\\n  # why\n  b /c/\nADD [\"d e\", \"/f\"]\n\
                RUN --mount=source=g,target=/g --mount=target=/h --mount=type=cache,target=/i x\n";

    let copies: Vec<_> = parse(text)
        .copies
        .iter()
        .flat_map(|copy| copy.sources.iter().map(|source| (copy.kind, source.written.clone(), source.line)))
        .collect();

    assert_eq!(
        copies,
        [
            (CopyKind::Copy, "a".to_owned(), 3),
            (CopyKind::Copy, "b".to_owned(), 5),
            (CopyKind::Add, "d e".to_owned(), 6),
            (CopyKind::Mount, "g".to_owned(), 7),
            (CopyKind::Mount, ".".to_owned(), 7),
        ]
    );
}

#[test]
fn a_target_needs_what_it_is_made_from_and_no_more() {
    let dockerfile = parse(
        "FROM a AS base\nFROM base AS deps\nFROM b AS unused\nFROM base AS test\nCOPY --from=deps x y\n\
         FROM c AS final\nRUN --mount=from=test,target=/t x\n",
    );
    let names = |target: Option<&str>| -> Vec<String> {
        let target = target.map(|name| name.parse().unwrap());
        let stages = dockerfile.stages_needed_for(target.as_ref()).unwrap();
        stages.iter().map(|stage| stage.name.as_ref().unwrap().to_string()).collect()
    };

    assert_eq!(names(None), ["base", "deps", "test"]);
    assert_eq!(names(Some("deps")), ["base"]);
    let parents = dockerfile.parents_needed_for(None).unwrap();
    assert_eq!(parents.iter().map(|p| p.reference.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn an_unknown_target_is_an_error_that_names_the_known_ones() {
    let dockerfile = parse("FROM a AS one\nFROM b\nFROM c AS two\n");

    let error = dockerfile.stages_needed_for(Some(&"three".parse().unwrap())).unwrap_err();

    assert_eq!(error.to_string(), "no stage is named `three`; there are: `one`, `two`");
}

#[test]
fn stages_that_need_each_other_do_not_hang() {
    let dockerfile = parse("FROM a AS a\nCOPY --from=b x y\nFROM b AS b\nCOPY --from=a x y\n");

    assert_eq!(dockerfile.stages_needed_for(None).unwrap().len(), 1);
}

#[test]
fn errors_name_the_line() {
    for (text, expected) in [
        ("# only this", "there is no `FROM`, so there is nothing to build"),
        ("FROM a\n\nFOO x", "line 3: unknown instruction `FOO`"),
        ("RUN x\nFROM a", "line 1: RUN stands before the first `FROM`"),
        ("# escape=x\nFROM a", "line 1: escape character `x` is neither `\\` nor a backtick"),
        ("#escape=`\n#escape=`\nFROM a", "line 2: parser directive `escape` is given twice"),
        ("FROM a b", "line 1: FROM needs `<image>` or `<image> AS <name>`"),
        ("FROM a AS 1", "line 1: bad stage name"),
        ("FROM a\nCOPY a", "line 2: COPY needs a source and a destination"),
        ("FROM a\nRUN [\"a\", 1]", "line 2: RUN has a JSON array with something else than strings"),
        ("FROM a\nENV x", "line 2: ENV needs a name and a value"),
        ("FROM a\nRUN <<E\nFROM b\n", "line 2: here-document `E` has no end"),
        ("FROM a\nONBUILD ONBUILD RUN x", "line 2: ONBUILD can't hold this instruction"),
        ("FROM a\nCOPY --from=3 a b", "line 2: there is no stage 3; they count from 0"),
        ("ARG R\nFROM ${R}/base", "line 2: `FROM ${R}/base` names no image, because `R` has no value"),
        ("FROM \"\"", "line 1: `FROM \"\"` names no image"),
        (
            "FROM x-$TARGETARCH",
            "line 1: `FROM x-$TARGETARCH` depends on `TARGETARCH`, which only the engine knows",
        ),
        (
            "FROM a\nCOPY --from=$X a b",
            "line 2: `$X`: variables don't work in `from`, only in `FROM … AS name`",
        ),
        (
            "FROM a\nRUN \\\n --mount=from=${X} a",
            "line 3: `${X}`: variables don't work in `from`, only in `FROM … AS name`",
        ),
        ("FROM ${A", "line 1: cannot expand `${A`"),
        ("FROM a\nRUN --mount=\\\"x x", "line 2: RUN has a mount with a quote that doesn't end"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn an_argument_without_a_value_is_empty_where_the_reference_is_whole_without_it() {
    assert_eq!(references("ARG REGISTRY\nFROM ${REGISTRY}debian:12\n"), ["debian:12"]);
}

#[test]
fn bytes_that_are_not_text_are_no_reason_to_refuse_a_file() {
    let text = b"# caf\xe9\nFROM a\nRUN echo \xff\n";

    let dockerfile = Dockerfile::parse(text, &BTreeMap::new(), None).unwrap();

    assert_eq!(dockerfile.with_parents(|_| None), text);
}

#[test]
fn what_would_grow_without_end_is_refused() {
    let mut laughs = "ARG A=0123456789\n".to_owned();
    laughs.push_str(&"ARG A=$A$A$A$A$A$A$A$A$A$A\n".repeat(12));
    laughs.push_str("FROM $A\n");
    assert!(error(&laughs).starts_with("line 7: cannot expand"), "{}", error(&laughs));

    let copies = format!("ARG A={}\nFROM a\nARG A\n{}", "x".repeat(100_000), "COPY $A /\n".repeat(100));
    assert_eq!(error(&copies), "line 87: the values of variables, as often as they are used, are too large");

    let pattern = format!("ARG A=x\nFROM ${{A#{}}}", "*y".repeat(200_000));
    assert!(error(&pattern).starts_with("line 2: cannot expand"));

    let deep = format!("FROM {}", "${a:-".repeat(200_000));
    assert!(error(&deep).starts_with("line 1: cannot expand"));
    assert!(error(&deep).len() < 300);

    let deep = format!("FROM a\nRUN {}{} <<E\nE\n", "${a:-".repeat(100), "}".repeat(100));
    assert!(error(&deep).starts_with("line 2: cannot expand"));

    let stages = "FROM a\n".repeat(MAX_STAGES + 1);
    assert_eq!(error(&stages), "line 501: more than 500 stages");

    let large = "#".repeat(MAX_BYTES + 1);
    assert_eq!(error(&large), "the file has 1048577 bytes; at most 1048576 are read");
}

#[test]
fn an_error_cannot_steer_a_terminal() {
    assert_eq!(error("FROM a\n\x1b[31m"), "line 2: unknown instruction `\\u{1b}[31M`");
}

fn fragment() -> impl Strategy<Value = String> {
    const FRAGMENTS: &[&str] = &[
        "FROM",
        "from ",
        "COPY ",
        "ADD",
        "RUN ",
        "ARG",
        "ENV ",
        "ONBUILD ",
        "LABEL",
        "HEALTHCHECK CMD ",
        " AS ",
        "a",
        "b:1",
        "$A",
        "${A:-",
        "${A#",
        "${A/",
        "}",
        "\"",
        "'",
        "\\",
        "`",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "#",
        "# escape=`\n",
        "# syntax=x\n",
        "--from=",
        "--mount=",
        "--platform=",
        "--",
        "from=",
        ",",
        "type=bind",
        "<<E",
        "<<-E\n",
        "E\n",
        "[\"a\", \"b\"]",
        "[",
        "]",
        "=",
        "\u{feff}",
        "ä",
        "0",
        "scratch",
        "FROM a AS b\n",
        "COPY --from=b c d\n",
        "ARG A=1\n",
        "FROM $A\n",
        "RUN <<E\nFROM x\nE\n",
    ];
    prop::collection::vec(prop::sample::select(FRAGMENTS), 0..40).prop_map(|parts| parts.concat())
}

/// Reads anything; what can be read must come back as it was.
fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let args = BTreeMap::from([("A".to_owned(), "x".to_owned())]);
    if let Ok(dockerfile) = Dockerfile::parse(text, &args, None) {
        prop_assert_eq!(dockerfile.with_parents(|_| None), text);

        let image: ImageRef = "pinned/image:v1".parse().unwrap();
        let pinned = dockerfile.with_parents(|_| Some(image.clone()));
        let again = Dockerfile::parse(&pinned, &args, None);
        let again = again.map_err(|error| TestCaseError::fail(format!("{error} after pinning")))?;
        prop_assert_eq!(again.stages().len(), dockerfile.stages().len());
        prop_assert!(again.parents().iter().all(|parent| parent.reference == "pinned/image:v1"));
        prop_assert_eq!(again.parents().len(), dockerfile.parents().len());
        prop_assert_eq!(again.instructions().len(), dockerfile.instructions().len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes)?;
    }

    #[test]
    fn pinning_keeps_the_shape_of_any_file(text in fragment()) {
        check(text.as_bytes())?;
    }

    #[test]
    fn pinning_keeps_the_shape_of_any_stage(text in fragment()) {
        check(format!("FROM a AS b\n{text}").as_bytes())?;
    }
}
