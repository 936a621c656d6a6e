# Everything the scripts need besides Rust and Docker they install themselves.
.DEFAULT_GOAL := help
.PHONY: help demo test docs features size bed bed-down bench fuzz soak mutants dist

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## build the examples, change one file, see that only what it affects is built again
	scripts/demo

test: bed ## start the test bed, then run all checks and tests
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	scripts/deny
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run; else cargo test; fi
	scripts/words

docs: ## build the documentation as a book, target/book/index.html
	scripts/docs

features: ## compile and test the program without its optional features
	cargo clippy --no-default-features -- -D warnings
	cargo clippy --no-default-features --features ecr -- -D warnings
	cargo clippy --no-default-features --features deploy -- -D warnings
	cargo test --lib --no-default-features
	cargo test --lib --no-default-features --features ecr

dist: ## make the archive, the wheel and the Debian package that are published
	scripts/dist

size: ## count crates, lines and bytes
	scripts/size

bed: ## start what the tests need: registries and engines
	scripts/testbed up

bed-down: ## stop it and remove its data
	scripts/testbed down

soak: bed ## run the laws at their full counts, and kill and stop builds and deployments; SOAK=name for some of the tests
	scripts/soak $(SOAK)

bench: bed ## compare planning with git itself, builds with Docker, and promotion with skopeo and Docker
	bash -euc '. scripts/setup && install_for git git && install_for python3 python3 && install_for skopeo skopeo && install_for curl curl'
	cargo build --release
	scripts/bench

fuzz: ## feed the readers of patterns, manifests, Dockerfiles and trees with made-up bytes, each for FUZZ_SECONDS
	scripts/fuzz

mutants: bed ## break the program in one place at a time, and see that some test fails each time; takes hours
	scripts/mutants kept
	scripts/mutants made
