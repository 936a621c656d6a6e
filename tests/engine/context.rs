//! What of the context arrives in the image.

use chinampa::model::FileMode;
use tar::EntryType;

use crate::support::{self, BASE, Repository, request, unique};

#[tokio::test]
async fn the_image_holds_the_files_of_the_context_and_no_others() {
    let engine = support::engine().await;
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
