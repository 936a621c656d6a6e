//! Chromium without a window, driven over the pipe of its DevTools protocol: messages that end with a NUL byte.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::bed::setting;

/// A page in a browser of its own. The browser ends with it.
pub(crate) struct Page {
    browser: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last_id: u64,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Page {
    /// Opens a file.
    pub(crate) fn open(file: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The browser reads from descriptor 3 and writes to 4.
        let script = "exec \"$0\" --headless --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run \
                      --user-data-dir=\"$1\" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut browser = Command::new("sh")
            .args(["-c", script, &setting("CHROMIUM")])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = browser.stdin.take().unwrap();
        let answers = BufReader::new(browser.stdout.take().unwrap());
        let (session, events) = (None, Vec::new());
        let mut page = Self { browser, requests, answers, session, last_id: 0, events, _profile: profile };
        let target = page.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            page.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        page.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.call("Performance.enable", json!({ "timeDomain": "threadTicks" }));
        page.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        page.until("document.readyState === 'complete' && location.protocol === 'file:'");
        page
    }

    /// The value of an expression, or of its promise.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let request = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", request);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer:#}");
        answer["result"]["value"].clone()
    }

    /// Sets how wide the page is, and whether the person prefers `light` or `dark`.
    pub(crate) fn emulate(&mut self, width: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Keeps a picture of the whole page, `target/screenshots/<name>.png`, for people to look at.
    pub(crate) fn keep_picture(&mut self, name: &str) {
        let picture = self.call("Page.captureScreenshot", json!({ "captureBeyondViewport": true }));
        let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// How long the page has kept its processor busy: what else runs on the machine doesn't count.
    pub(crate) fn busy(&mut self) -> Duration {
        let metrics = self.call("Performance.getMetrics", json!({}));
        let metrics = metrics["metrics"].as_array().unwrap();
        let busy = metrics.iter().find(|metric| metric["name"] == "TaskDuration").unwrap();
        Duration::from_secs_f64(busy["value"].as_f64().unwrap())
    }

    /// The addresses of all requests, and all that was written to the console or went wrong.
    pub(crate) fn requests_and_complaints(&mut self) -> (Vec<String>, Vec<Value>) {
        // What happened before is told before the answer.
        self.value("0");
        let of_kind = |kinds: &[&str]| {
            let events = self.events.iter().filter(|event| kinds.iter().any(|kind| event["method"] == *kind));
            events.cloned().collect::<Vec<_>>()
        };
        let requests = of_kind(&["Network.requestWillBeSent"]);
        let requests =
            requests.iter().map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned());
        let complaints = ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"];
        (requests.collect(), of_kind(&complaints))
    }

    /// What `axe-core` finds serious or critical: rule, and the first element.
    pub(crate) fn accessibility_findings(&mut self) -> Vec<String> {
        let axe = std::fs::read_to_string(setting("AXE")).unwrap();
        self.value(&format!("{axe}; 0"));
        let found = self.value(
            "axe.run(document, { resultTypes: ['violations'] }).then(result => result.violations\
             .filter(it => it.impact === 'serious' || it.impact === 'critical')\
             .map(it => `${it.id}: ${it.nodes[0].html.slice(0, 200)} ${it.nodes[0].failureSummary}`))",
        );
        found.as_array().unwrap().iter().map(|finding| finding.as_str().unwrap().to_owned()).collect()
    }

    /// Asks until the expression is true.
    fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != true {
            assert!(begun.elapsed() < Duration::from_secs(60), "{expression} didn't come about");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut request = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            request["sessionId"] = session.as_str().into();
        }
        write!(self.requests, "{request}\0").unwrap();
        self.requests.flush().unwrap();
        loop {
            let mut message = Vec::new();
            self.answers.read_until(0, &mut message).unwrap();
            let message: Value = serde_json::from_slice(message.strip_suffix(b"\0").unwrap()).unwrap();
            if message["id"] == self.last_id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It has ended already where the test failed because of that.
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
