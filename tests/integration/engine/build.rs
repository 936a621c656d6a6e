//! What can be said about a build, and what becomes of it.

use chinampa::internals::engine::{Engine as _, Progress};
use chinampa::internals::model::Secret;

use crate::engine::support::{self, BASE, Repository, request, unique};
use crate::support::engines::{BedEngine, on_each_engine};

on_each_engine!(
    async
    arguments_labels_and_the_target_are_the_requests,
    a_secret_reaches_its_step_and_stays_out_of_the_image,
    progress_tells_each_step_once_and_its_output,
    builds_run_side_by_side_without_mixing_their_files,
    an_image_has_the_name_that_it_was_tagged_with,
);

async fn arguments_labels_and_the_target_are_the_requests(on: BedEngine) {
    let engine = support::connect(on).await;
    let dockerfile = format!(
        "FROM {BASE} AS first\nARG GREETING=none\nARG NONCE\nRUN echo \"$GREETING $NONCE\" > /greeting\n\
         FROM first\nRUN echo last > /last\n"
    );
    let mut request = request(&dockerfile, vec![]);
    let nonce = unique();
    request.build_args.insert("GREETING".into(), "a&b=c +ü 'quoted'".into());
    request.build_args.insert("NONCE".into(), nonce.clone());
    request.labels.insert("dev.chinampa.test".into(), "1 & 2 = ü".into());
    request.target = Some("First".parse().unwrap());
    request.platform = Some("linux/amd64".parse().unwrap());

    let image = support::build(&engine, &request).await.unwrap();

    let root = image.files("/").await;
    assert_eq!(
        String::from_utf8_lossy(&root[b"greeting".as_slice()].content),
        format!("a&b=c +ü 'quoted' {nonce}\n")
    );
    assert!(!root.contains_key(b"last".as_slice()));
    let inspected = image.inspect().await;
    let labels = inspected.config.unwrap().labels.unwrap();
    assert_eq!(labels["dev.chinampa.test"], "1 & 2 = ü");
    assert_eq!(inspected.architecture.as_deref(), Some("amd64"));
    assert_eq!(inspected.repo_tags, Some(vec![]), "a build gives no name by itself");
}

async fn a_secret_reaches_its_step_and_stays_out_of_the_image(on: BedEngine) {
    let engine = support::connect(on).await;
    let nonce = unique();
    let dockerfile = format!(
        "FROM {BASE}\nRUN --mount=type=secret,id=token,required cat /run/secrets/token && \
         test ! -e /run/secrets/other && echo {nonce} > /done\nRUN --mount=type=secret,id=missing true\n"
    );
    let mut request = request(&dockerfile, vec![]);
    let secret = format!("hunter2-{nonce}");
    request.secrets.insert("token".into(), Secret::new(&secret));
    request.secrets.insert("other".into(), Secret::new("unasked"));

    let image = support::build(&engine, &request).await.unwrap();

    assert!(image.output().contains(&secret), "the step saw another secret: {}", image.output());
    let found = image.files("/").await;
    assert!(found.contains_key(b"done".as_slice()));
    let is_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!found.values().any(|entry| is_in(&entry.content)));
    let history = engine.client.image_history(&image.id().to_string()).await.unwrap();
    assert!(!is_in(format!("{history:?} {:?}", image.inspect().await).as_bytes()));
    assert!(!is_in(format!("{request:?}").as_bytes()));
}

async fn progress_tells_each_step_once_and_its_output(on: BedEngine) {
    let engine = support::connect(on).await;
    let nonce = unique();

    let image = support::build(
        &engine,
        &request(&format!("FROM {BASE}\nRUN echo hello {nonce}\nRUN echo again\n"), vec![]),
    )
    .await
    .unwrap();

    let started = |step: &str| {
        image
            .told
            .iter()
            .filter(|told| matches!(told, Progress::StepStarted { step: one } if one == step))
            .count()
    };
    let done = |step: &str| {
        let is = |told: &&Progress| matches!(told, Progress::StepDone { step: one, cached: false, .. } if one == step);
        image.told.iter().filter(is).count()
    };
    let first = format!("[2/3] RUN echo hello {nonce}");
    assert_eq!((started(&first), done(&first)), (1, 1), "{:?}", image.told);
    assert_eq!((started("[3/3] RUN echo again"), done("[3/3] RUN echo again")), (1, 1));
    assert!(image.output().contains(&format!("hello {nonce}\n")));
    assert!(!image.told.iter().any(|told| format!("{told:?}").contains("[internal]")));
}

async fn builds_run_side_by_side_without_mixing_their_files(on: BedEngine) {
    let engine = support::connect(on).await;
    let repository = Repository::new();
    let texts: Vec<String> = (0..6).map(|_| unique()).collect();
    let requests: Vec<_> = texts
        .iter()
        .map(|text| request(&format!("FROM {BASE}\nCOPY . /app\n"), vec![repository.file("a", text)]))
        .collect();

    let images =
        futures_util::future::join_all(requests.iter().map(|request| support::build(&engine, request))).await;

    for (image, text) in images.into_iter().zip(&texts) {
        assert_eq!(image.unwrap().files("/app").await[b"a".as_slice()].content, text.as_bytes());
    }
}

async fn an_image_has_the_name_that_it_was_tagged_with(on: BedEngine) {
    let engine = support::connect(on).await;
    let image = support::build(&engine, &request(&format!("FROM {BASE}\nRUN echo {}\n", unique()), vec![]))
        .await
        .unwrap();
    let name = format!("chinampa/tagged-{}:v1", unique());

    engine.tag(&image.id(), &name.parse().unwrap()).await.unwrap();

    assert_eq!(image.inspect().await.repo_tags, Some(vec![name]));
}
