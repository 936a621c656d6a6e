use super::Workspace;

/// `:services:api` depends on `:core`, that on `:lib:model`; nothing depends on `:web`.
fn build() -> Workspace {
    Workspace::new(&[
        (
            "settings.gradle.kts",
            "rootProject.name = \"shop\"\ninclude(\":services:api\", \":core\")\ninclude(\"lib:model\")\ninclude(\":web\")\n",
        ),
        ("build.gradle.kts", "plugins { java }\nsubprojects { apply(from = \"config/checks.gradle\") }\n"),
        ("gradlew", "#!/bin/sh\n"),
        ("gradle/wrapper/gradle-wrapper.properties", ""),
        ("gradle/libs.versions.toml", ""),
        ("buildSrc/src/main/kotlin/a.gradle.kts", "plugins { java }\n"),
        ("config/checks.gradle", ""),
        ("services/api/build.gradle.kts", "dependencies {\n  implementation(project(\":core\"))\n}\n"),
        ("services/api/src/main/java/A.java", ""),
        ("core/build.gradle", "dependencies { implementation projects.lib.model }\n"),
        ("core/src/main/java/C.java", ""),
        ("lib/model/build.gradle.kts", ""),
        ("lib/model/src/main/java/M.java", ""),
        ("web/build.gradle.kts", "dependencies { implementation(project(\":core\")) }\n"),
        ("web/src/main/java/W.java", ""),
    ])
}

const API: [&str; 10] = [
    "!**",
    "*",
    "buildSrc/",
    "gradle/",
    "core/",
    "lib/model/",
    "services/api/",
    "config/checks.gradle",
    "*/{build.gradle,build.gradle.kts,gradle.properties}",
    "x",
];

#[test]
fn a_project_is_taken_with_what_it_depends_on_and_the_scripts_of_all() {
    for steps in [
        "RUN ./gradlew :services:api:bootJar --no-daemon -x test",
        "RUN gradle services:api:build -x :web:test -Pversion=$VERSION",
        "RUN gradle -p services/api build",
        "RUN ./gradlew dependencies && cd services/api && ../../gradlew clean bootJar",
    ] {
        assert_eq!(build().built("docker/Dockerfile", steps).lines(), API[..9], "{steps}");
    }
}

#[test]
fn commands_that_may_build_anything_are_not_certain() {
    for (steps, why) in [
        ("RUN ./gradlew build", "`./gradlew build` builds all projects"),
        ("RUN gradle :bootJar", "`gradle :bootJar` names no project of the build"),
        ("RUN gradle :gone:build", "`gradle :gone:build` names no project of the build"),
        (
            "RUN gradle --include-build ../x :web:build",
            "`gradle --include-build ../x :web:build` includes another build",
        ),
        ("RUN gradle dependencies", "nothing says which of its packages is built"),
    ] {
        assert_eq!(build().built("docker/Dockerfile", steps).doubt(), why, "{steps}");
    }
}

#[test]
fn scripts_that_compute_are_not_certain() {
    let built = build().built("docker/Dockerfile", "RUN gradle :services:api:build");
    let with = |path: &str, text: &str| built.with(path, text).doubt();

    assert_eq!(
        with("settings.gradle.kts", "include(*names)\n"),
        "`settings.gradle.kts` can't be read: an `include` is not literal"
    );
    assert_eq!(
        with("settings.gradle.kts", "include(\":gone\", \":web\")\n"),
        "the project `:gone` is not there"
    );
    let unknown = "names a project in a way that is not followed: ";
    assert_eq!(
        with("web/build.gradle.kts", "x(project(name))\n"),
        format!("`web/build.gradle.kts` {unknown}`project(name))`")
    );
    assert_eq!(
        with("web/build.gradle.kts", "x(project(\":gone\"))\n"),
        format!("`web/build.gradle.kts` {unknown}`:gone`")
    );
    assert_eq!(
        with("web/build.gradle.kts", "x(projects.gone)\n"),
        format!("`web/build.gradle.kts` {unknown}`.gone`")
    );
    let plugin = "buildSrc/src/main/kotlin/a.gradle.kts";
    assert_eq!(with(plugin, "x(project(name))\n"), format!("`{plugin}` {unknown}`project(name))`"));
    assert_eq!(
        with("build.gradle.kts", "x(project(name))\n"),
        format!("`build.gradle.kts` {unknown}`project(name))`")
    );
}

#[test]
fn what_plugins_and_the_root_depend_on_is_needed_by_all() {
    let lines = build()
        .built("docker/Dockerfile", "RUN gradle :lib:model:build")
        .with(
            "settings.gradle.kts",
            "includeBuild(\"tools/logic\")\ninclude(\":services:api\", \":core\", \"lib:model\", \":web\")\n",
        )
        .with(
            "tools/logic/src/main/kotlin/a.gradle.kts",
            "dependencies { implementation(project(\":web\")) }\n",
        )
        .lines();

    for line in ["web/", "core/", "lib/model/", "tools/logic/"] {
        assert!(lines.contains(&line.to_owned()), "{line} {lines:?}");
    }
    assert!(!lines.contains(&"services/api/".to_owned()), "{lines:?}");
}
