use super::Workspace;

fn project(references: &[&str]) -> String {
    let references: String =
        references.iter().map(|path| format!("<ProjectReference Include=\"..\\{path}\" />")).collect();
    format!("<Project Sdk=\"Microsoft.NET.Sdk\"><ItemGroup>{references}</ItemGroup></Project>")
}

/// `Api` references `Core`, that `Data`; nothing references `Web`.
fn solution() -> Workspace {
    Workspace::new(&[
        ("Shop.sln", ""),
        ("global.json", "{}"),
        ("src/Directory.Build.props", "<Project />"),
        ("src/Api/Api.csproj", &project(&["Core\\Core.csproj"])),
        ("src/Api/Program.cs", ""),
        ("src/Core/Core.csproj", &project(&["Data/Data.fsproj"])),
        ("src/Core/Core.cs", ""),
        ("src/Data/Data.fsproj", &project(&[])),
        ("src/Web/Web.csproj", &project(&["Core\\Core.csproj"])),
        ("docs/a.md", ""),
    ])
}

const API: [&str; 6] = ["!**", "*", "src/Api/", "src/Core/", "src/Data/", "src/Directory.Build.props"];

#[test]
fn a_project_is_taken_with_what_it_references() {
    for steps in [
        "RUN dotnet restore src/Api/Api.csproj && dotnet publish src/Api/Api.csproj -c Release -o /out --no-restore",
        "RUN dotnet publish -c Release src/Api /p:UseAppHost=false --self-contained true",
        "WORKDIR \"/src/src/Api\"\nRUN dotnet build \"./Api.csproj\" -c $CONFIGURATION -o /out",
        "WORKDIR src/Api\nRUN dotnet publish -c Release",
        "RUN dotnet run --project src/Api",
    ] {
        assert_eq!(solution().built("docker/Dockerfile", steps).lines(), API, "{steps}");
    }
}

#[test]
fn a_restore_of_the_solution_reads_all_projects() {
    let lines =
        solution().built("docker/Dockerfile", "RUN dotnet restore\nRUN dotnet publish src/Api").lines();

    let expected =
        ["!**", "*", "src/Api/", "src/Core/", "src/Data/", "src/Directory.Build.props", "**/*.csproj"];
    assert_eq!(lines, expected);
}

#[test]
fn files_of_other_folders_are_taken() {
    let api = "<Project><Import Project=\"..\\..\\build\\common.props\" /><ItemGroup><Compile Include=\"..\\Shared\\**\\*.cs\" /><None Include=\"..\\..\\LICENSE\" /></ItemGroup></Project>";
    let lines = solution()
        .built("docker/Dockerfile", "RUN dotnet publish src/Api")
        .with("src/Api/Api.csproj", api)
        .with("build/common.props", "<Project><ItemGroup><None Include=\"$(MSBuildThisFileDirectory)/x.txt\" /></ItemGroup></Project>")
        .with("build/x.txt", "")
        .with("src/Shared/a/A.cs", "")
        .lines();

    for line in ["build/common.props", "build/x.txt", "src/Shared/**/*.cs"] {
        assert!(lines.contains(&line.to_owned()), "{line} {lines:?}");
    }
}

#[test]
fn commands_that_may_build_anything_are_not_certain() {
    for (steps, why) in [
        ("RUN dotnet build", "`dotnet build` builds a solution, or no project that is there"),
        (
            "RUN dotnet publish Shop.sln",
            "`dotnet publish Shop.sln` builds a solution, or no project that is there",
        ),
        (
            "RUN dotnet publish $PROJECT",
            "`dotnet publish $PROJECT` builds a solution, or no project that is there",
        ),
        ("RUN dotnet restore", "nothing says which of its packages is built"),
    ] {
        assert_eq!(solution().built("docker/Dockerfile", steps).doubt(), why, "{steps}");
    }
}

#[test]
fn projects_that_leave_something_open_are_not_certain() {
    let built = solution().built("docker/Dockerfile", "RUN dotnet publish src/Api");
    let core = |text: &str| built.with("src/Core/Core.csproj", text).doubt();

    let import = "<Project><Import Project=\"$(Root)/x.props\" /></Project>";
    assert_eq!(core(import), "`src/Core/Core.csproj` has a path that is not known: `$(Root)/x.props`");
    let gone = "`src/Core/Core.csproj` references `../Gone/Gone.csproj`, which is not there";
    assert_eq!(core(&project(&["Gone\\Gone.csproj"])), gone);
    let import = "<Project><Import Project=\"gone.props\" /></Project>";
    assert_eq!(core(import), "`src/Core/Core.csproj` imports `gone.props`, which is not there");
    assert!(core("<Project").starts_with("`src/Core/Core.csproj` can't be read: "));
    assert_eq!(built.with("src/Core/More.csproj", &project(&[])).doubt(), "`src/Core` has several projects");
    assert_eq!(built.with("src/Core/x/X.csproj", &project(&[])).doubt(), "the project `Core` holds others");
    // What is not needed may be as it is.
    assert_eq!(built.with("src/Web/Web.csproj", &project(&["Gone\\Gone.csproj"])).lines(), API);
}
