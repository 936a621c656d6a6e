//! What of the context arrives in the image.

use chinampa::internals::model::FileMode;
use tar::EntryType;

use chinampa::internals::engine::Step;

use crate::engine::support::{self, BASE, Found, Repository, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    the_image_holds_the_files_of_the_context_and_no_others,
    modes_links_and_odd_names_arrive_as_they_are,
    a_name_that_is_not_utf_8_arrives_or_is_named,
    the_dockerfile_is_not_in_the_context_and_the_one_that_is_is_not_built,
    copying_through_a_link_finds_what_it_leads_to,
    an_empty_context_is_enough_for_a_dockerfile_that_copies_nothing,
);

async fn the_image_holds_the_files_of_the_context_and_no_others(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    std::fs::write(repository.folder().join("undeclared"), "x").unwrap();
    let files = vec![repository.file("a.txt", "one"), repository.file("folder/b/c.txt", unique())];

    let image =
        support::build(&engine, &request(&format!("FROM {BASE}\nCOPY . /app\n"), files)).await.unwrap();

    let found = image.files("/app").await;
    let paths: Vec<String> = found.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    assert_eq!(paths, ["a.txt", "folder", "folder/b", "folder/b/c.txt"]);
    assert_eq!(found[b"a.txt".as_slice()].content, b"one");
}

async fn modes_links_and_odd_names_arrive_as_they_are(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let big: Vec<u8> = (0..20_000_000_u32).map(|number| (number / 251 % 251) as u8).collect();
    let files = vec![
        repository.file("empty", ""),
        repository.file("big", &big),
        repository.entry("run.sh", FileMode::Executable, "#!/bin/sh\n"),
        repository.entry("link", FileMode::Symlink, "folder/target"),
        repository.file("folder/target", "t"),
        repository.file("a b", "space"),
        repository.file("a\nb", "newline"),
        repository.file("ä", "not ASCII"),
        repository.file("folder-b", "sorts between"),
    ];

    let image =
        support::build(&engine, &request(&format!("FROM {BASE}\nCOPY . /app\n"), files)).await.unwrap();

    let found = image.files("/app").await;
    let get =
        |name: &[u8]| found.get(name).unwrap_or_else(|| panic!("{name:?} is not in {:?}", found.keys()));
    assert_eq!(found.len(), 10);
    assert_eq!(get(b"empty").content, b"");
    assert!(get(b"big").content == big);
    assert_eq!(get(b"run.sh").mode, 0o755);
    assert_eq!(get(b"empty").mode, 0o644);
    assert_eq!(get(b"folder").mode, 0o755);
    assert_eq!(
        (get(b"link").kind, get(b"link").link.as_deref()),
        (EntryType::Symlink, Some(&b"folder/target"[..]))
    );
    assert_eq!(get(b"a b").content, b"space");
    assert_eq!(get(b"a\nb").content, b"newline");
    assert_eq!(get("ä".as_bytes()).content, b"not ASCII");
    assert!(found.values().all(|entry| entry.owner == (0, 0)));
    // A folder's time is when the engine last wrote into it.
    let is_dated = |entry: &Found| entry.kind == EntryType::Directory || entry.modified == 315_532_800;
    assert!(found.values().all(is_dated));
}

// issue 14: E12
async fn a_name_that_is_not_utf_8_arrives_or_is_named(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let files = vec![repository.file("a", unique()), repository.file(b"b\xff\xfec", "not UTF-8")];

    let built = support::build(&engine, &request(&format!("FROM {BASE}\nCOPY . /app\n"), files)).await;

    match built {
        Ok(image) => assert_eq!(image.files("/app").await[&b"b\xff\xfec"[..]].content, b"not UTF-8"),
        Err(error) => {
            let named = "the engine refuses the file name `b\\xff\\xfec`, which is not UTF-8";
            assert_eq!(error.to_string(), named);
            assert!(!on.is_docker_20_10(), "20.10 accepts it");
        }
    }
}

/// Slow, and on all engines the same but for the image store.
#[tokio::test]
async fn five_thousand_files_arrive() {
    for on in [BedEngine::Machine, BedEngine::Containerd] {
        check_five_thousand_files(on).await;
    }
}

async fn check_five_thousand_files(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let nonce = unique();
    let files = (0..5_000)
        .map(|number| repository.file(format!("{}/{number}", number % 70), format!("{nonce} {number}")))
        .collect();

    let image =
        support::build(&engine, &request(&format!("FROM {BASE}\nCOPY . /app\n"), files)).await.unwrap();

    let found = image.files("/app").await;
    assert_eq!(found.len(), 5_000 + 70);
    assert!((0..5_000).all(|number| {
        found[format!("{}/{number}", number % 70).as_bytes()].content
            == format!("{nonce} {number}").as_bytes()
    }));
}

async fn the_dockerfile_is_not_in_the_context_and_the_one_that_is_is_not_built(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let files = vec![repository.file("a", unique())];
    let alone = request(&format!("FROM {BASE}\nCOPY . /app\n"), files.clone());
    let with_another = request(
        &format!("FROM {BASE}\nCOPY . /app\n"),
        [files, vec![repository.file("Dockerfile", "FROM no")]].concat(),
    );

    let alone = support::build(&engine, &alone).await.unwrap();
    let with_another = support::build(&engine, &with_another).await.unwrap();

    assert_eq!(alone.files("/app").await.keys().collect::<Vec<_>>(), [b"a"]);
    assert_eq!(with_another.files("/app").await[b"Dockerfile".as_slice()].content, b"FROM no");
}

async fn copying_through_a_link_finds_what_it_leads_to(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let files = vec![
        repository.entry("current", FileMode::Symlink, "versions/2"),
        repository.file("versions/2/a", unique()),
        repository.file("other", "x"),
    ];

    let image =
        support::build(&engine, &request(&format!("FROM {BASE}\nCOPY current/a other /app/\n"), files))
            .await
            .unwrap();

    let found = image.files("/app").await;
    assert_eq!(found.keys().collect::<Vec<_>>(), [&b"a"[..], b"other"]);
}

async fn an_empty_context_is_enough_for_a_dockerfile_that_copies_nothing(on: BedEngine) {
    let engine = support::connect(on).await;

    let image = support::build(&engine, &request(&format!("FROM {BASE}\nRUN echo {}\n", unique()), vec![]))
        .await
        .unwrap();

    assert_eq!((image.built.steps.len(), Step::count_cached(&image.built.steps)), (1, 0));
}
