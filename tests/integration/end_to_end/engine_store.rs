use crate::end_to_end::support::docker;
use crate::support::bed::setting;
use crate::support::world::World;

/// A repository whose images stay in the first engine, under a prefix of its own.
struct Store {
    world: World,
    prefix: String,
}

impl Store {
    fn new() -> Self {
        let prefix = format!("e2e-store-{}/", std::process::id());
        let mut world = World::new();
        world.set("DOCKER_HOST", &setting("DOCKER_HOST_1"));
        world.write(
            "projects.toml",
            format!(
                "[workspace]\nname = \"shop\"\n[cache]\nkind = \"engine\"\nprefix = \"{prefix}\"\n\
                 [projects.lib]\npath = \"lib\"\n[projects.app]\npath = \"app\"\n"
            ),
        );
        world.write("lib/Dockerfile", "FROM scratch\nCOPY . /lib/\n");
        world.write("app/Dockerfile", "FROM lib\nCOPY . /app/\n");
        world.commit();
        Self { world, prefix }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let host = setting("DOCKER_HOST_1");
        let reference = format!("reference={}*", self.prefix);
        let names =
            docker(&host, &["images", "--filter", &reference, "--format", "{{.Repository}}:{{.Tag}}"]);
        let names: Vec<&str> = names.lines().collect();
        docker(&host, &[&["rmi"][..], &names].concat());
    }
}

#[test]
fn a_parent_that_only_the_engine_has_is_never_looked_up_in_a_registry() {
    let store = Store::new();

    let answer = store.world.run(["build", "--pull"]);

    assert_eq!(answer.exit, 0, "{answer}");
    assert!(answer.stdout.contains("2 built, 0 reused"), "{answer}");
}
