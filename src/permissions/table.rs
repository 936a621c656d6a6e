//! What is done in AWS, and the actions of IAM that it takes. Nothing else in the program says so.
//!
//! Actions, resources and condition keys are those of the Service Authorization Reference. What is asked behind `/v2/` of a registry takes
//! the actions that `docs/aws.md` lists. The tests run commands against a server that allows these actions and no
//! others; and they see that each action is used.

/// One thing that is done in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    AssumeRole,
    Login,
    PullImages,
    ReadManifests,
    PushImages,
    TagImages,
    TryPush,
    AccountSetting,
    ListTags,
    DeleteImages,
    DescribeRepositories,
    CreateRepositories,
    EncryptRepositories,
    EncryptRepositoriesByAlias,
    LifecyclePolicy,
    TagMutability,
    ScanOnPush,
    RepositoryPolicy,
    RepositoryTags,
    ReadSecret,
    ReadParameter,
    UpdateEcsService,
    DescribeEcsService,
    DescribeServiceDeployments,
    TaskDefinitions,
    DescribeTaskDefinition,
    TagTaskDefinitions,
    PassTaskRoles,
    UpdateExpressService,
    DescribeExpressService,
    CreateExpressService,
    PassExpressExecutionRole,
    PassExpressInfrastructureRole,
    RunTask,
    WatchTasks,
    UpdateSchedule,
    DescribeSchedule,
    PassScheduleRole,
    UpdateRule,
    DescribeRule,
    PassRuleRole,
    UpdateFunction,
    DescribeFunction,
    MoveAlias,
    LookAtVersions,
    ListAppRunnerServices,
    UpdateAppRunnerService,
    DescribeAppRunnerService,
    PassAppRunnerRole,
    ListState,
    KeepState,
    LockStateWithFile,
    LockStateWithTable,
    EncryptState,
}

/// What one of them takes. In texts, names in braces are filled in for each repository, service and account.
#[derive(Debug)]
pub(super) struct Permission {
    pub(super) need: Need,
    /// The first part of the name of its statement, if the caller has no better one.
    pub(super) sid: &'static str,
    /// Sorted.
    pub(super) actions: &'static [&'static str],
    pub(super) resource: &'static str,
    pub(super) condition: Option<Condition>,
    /// When and what for.
    pub(super) reason: &'static str,
}

/// What has to hold for a request besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub(super) operator: &'static str,
    pub(super) key: &'static str,
    pub(super) value: &'static str,
}

impl Need {
    pub(super) fn permission(self) -> &'static Permission {
        PERMISSIONS.iter().find(|row| row.need == self).expect("each has a row")
    }
}

const REPOSITORY: &str = "arn:{partition}:ecr:{region}:{account}:repository/{name}";
const ECS_SERVICE: &str = "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{name}";
const ROLES: &str = "arn:{partition}:iam::{account}:role/*";

const IN_CLUSTER: Option<Condition> = Some(Condition {
    operator: "ArnEquals",
    key: "ecs:cluster",
    value: "arn:{partition}:ecs:{region}:{account}:cluster/{cluster}",
});

/// Lets roles be handed to one service of AWS only.
const fn passed_to(service: &'static str) -> Option<Condition> {
    Some(Condition { operator: "StringEquals", key: "iam:PassedToService", value: service })
}

const fn row(
    need: Need,
    sid: &'static str,
    actions: &'static [&'static str],
    resource: &'static str,
    reason: &'static str,
) -> Permission {
    Permission { need, sid, actions, resource, condition: None, reason }
}

const fn conditional(
    need: Need,
    sid: &'static str,
    actions: &'static [&'static str],
    resource: &'static str,
    condition: Option<Condition>,
    reason: &'static str,
) -> Permission {
    Permission { need, sid, actions, resource, condition, reason }
}

#[rustfmt::skip]
pub(super) static PERMISSIONS: [Permission; 54] = [
    row(Need::AssumeRole, "AssumeRoles", &["sts:AssumeRole"], "{role}",
        "`role_arn`"),
    row(Need::Login, "Login", &["ecr:GetAuthorizationToken"], "*",
        "the token of every request to a registry"),
    row(Need::PullImages, "Images", &["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], REPOSITORY,
        "reads manifests, records and layers, and lists what refers to an image"),
    row(Need::ReadManifests, "Images", &["ecr:BatchGetImage"], REPOSITORY,
        "sees whether a manifest is there, for `taint`"),
    row(Need::PushImages, "Images",
        &["ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"],
        REPOSITORY,
        "writes layers, manifests, tags, records and locks"),
    row(Need::TagImages, "Images", &["ecr:PutImage"], REPOSITORY,
        "`deployed-<environment>` in the cache, which protects running images from the lifecycle policy"),
    row(Need::TryPush, "Images", &["ecr:InitiateLayerUpload"], REPOSITORY,
        "`doctor` opens an upload and cancels it"),
    row(Need::AccountSetting, "AccountSetting", &["ecr:GetAccountSetting"], "*",
        "`doctor` reads whether layers are shared between repositories"),
    row(Need::ListTags, "Tags", &["ecr:ListImages"], REPOSITORY,
        "finds taints, claims to projects or to the lock of an environment, and what `prune` and `doctor` look at"),
    row(Need::DeleteImages, "Tags", &["ecr:BatchDeleteImage"], REPOSITORY,
        "removes taints, claims to projects or to the lock of an environment, and what `prune` deletes"),
    row(Need::DescribeRepositories, "Images", &["ecr:DescribeRepositories"], REPOSITORY,
        "before the first push to a repository"),
    row(Need::CreateRepositories, "Images", &["ecr:CreateRepository"], REPOSITORY,
        "unless `create = false`"),
    row(Need::EncryptRepositories, "EncryptionKey", &["kms:CreateGrant", "kms:DescribeKey"], "{key}",
        "`kms_key`, for new repositories"),
    conditional(Need::EncryptRepositoriesByAlias, "EncryptionKey", &["kms:CreateGrant", "kms:DescribeKey"],
        "arn:{partition}:kms:{region}:{account}:key/*",
        Some(Condition { operator: "ForAnyValue:StringEquals", key: "kms:ResourceAliases", value: "{alias}" }),
        "`kms_key` with an alias, for new repositories"),
    row(Need::LifecyclePolicy, "Images", &["ecr:GetLifecyclePolicy", "ecr:PutLifecyclePolicy"], REPOSITORY,
        "in `[cache]` unless `lifecycle = false`; in `[deploy]` with `keep` or `lifecycle = true`"),
    row(Need::TagMutability, "Images", &["ecr:PutImageTagMutability"], REPOSITORY,
        "`immutable_tags`, for existing repositories"),
    row(Need::ScanOnPush, "Images", &["ecr:PutImageScanningConfiguration"], REPOSITORY,
        "`scan_on_push`, for existing repositories"),
    row(Need::RepositoryPolicy, "Images", &["ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy"], REPOSITORY,
        "`repository_policy`"),
    row(Need::RepositoryTags, "Images", &["ecr:ListTagsForResource", "ecr:TagResource"], REPOSITORY,
        "`tags`"),
    row(Need::ReadSecret, "Secrets", &["secretsmanager:GetSecretValue"], "{secret}",
        "secrets with `aws-secrets-manager`"),
    row(Need::ReadParameter, "Parameters", &["ssm:GetParameter"], "arn:{partition}:ssm:{region}:{account}:parameter/{name}",
        "secrets with `aws-ssm`"),
    row(Need::UpdateEcsService, "EcsServices", &["ecs:DescribeServices", "ecs:UpdateService"], ECS_SERVICE,
        "`ecs`"),
    row(Need::DescribeEcsService, "EcsServices", &["ecs:DescribeServices"], ECS_SERVICE,
        "`ecs-express`, and `ecs-task` with `like`"),
    row(Need::DescribeServiceDeployments, "EcsServiceDeployments", &["ecs:DescribeServiceDeployments"],
        "arn:{partition}:ecs:{region}:{account}:service-deployment/{cluster}/{name}/*",
        "`ecs`, `ecs-express`"),
    row(Need::TaskDefinitions, "TaskDefinitions", &["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"], "*",
        "`ecs`, `ecs-task`, `ecs-scheduled`; the first cannot be limited to a resource"),
    row(Need::DescribeTaskDefinition, "DescribeTaskDefinitions", &["ecs:DescribeTaskDefinition"], "*",
        "`status` with `ecs`, `ecs-task`, `ecs-scheduled`; it cannot be limited to a resource"),
    row(Need::TagTaskDefinitions, "TaskDefinitionTags", &["ecs:TagResource"],
        "arn:{partition}:ecs:{region}:{account}:task-definition/{family}",
        "`ecs`, `ecs-task`, `ecs-scheduled`, if the task definition has tags"),
    conditional(Need::PassTaskRoles, "TaskRoles", &["iam:PassRole"], ROLES, passed_to("ecs-tasks.amazonaws.com"),
        "`ecs`, `ecs-task`, `ecs-scheduled`: the task's role and its execution role"),
    row(Need::UpdateExpressService, "EcsServices", &["ecs:DescribeExpressGatewayService", "ecs:UpdateExpressGatewayService"], ECS_SERVICE,
        "`ecs-express`"),
    row(Need::DescribeExpressService, "EcsServices", &["ecs:DescribeExpressGatewayService"], ECS_SERVICE,
        "`status` with `ecs-express`"),
    row(Need::CreateExpressService, "EcsServices", &["ecs:CreateExpressGatewayService"], ECS_SERVICE,
        "`ecs-express` with its roles, if the service does not exist"),
    conditional(Need::PassExpressExecutionRole, "TaskRoles", &["iam:PassRole"], "{role}", passed_to("ecs-tasks.amazonaws.com"),
        "`execution_role` of `ecs-express`"),
    conditional(Need::PassExpressInfrastructureRole, "InfrastructureRoles", &["iam:PassRole"], "{role}", passed_to("ecs.amazonaws.com"),
        "`infrastructure_role` of `ecs-express`"),
    conditional(Need::RunTask, "RunTasks", &["ecs:RunTask"],
        "arn:{partition}:ecs:{region}:{account}:task-definition/{family}", IN_CLUSTER,
        "`ecs-task`"),
    conditional(Need::WatchTasks, "WatchTasks", &["ecs:DescribeTasks", "ecs:ListTasks"], "*", IN_CLUSTER,
        "`ecs-task`"),
    row(Need::UpdateSchedule, "Schedules", &["scheduler:GetSchedule", "scheduler:UpdateSchedule"],
        "arn:{partition}:scheduler:{region}:{account}:schedule/{group}/{name}",
        "`ecs-scheduled` with `schedule`"),
    row(Need::DescribeSchedule, "Schedules", &["scheduler:GetSchedule"],
        "arn:{partition}:scheduler:{region}:{account}:schedule/{group}/{name}",
        "`status` with `ecs-scheduled` with `schedule`"),
    conditional(Need::PassScheduleRole, "ScheduleRoles", &["iam:PassRole"], ROLES, passed_to("scheduler.amazonaws.com"),
        "`ecs-scheduled` with `schedule`: the role of the schedule"),
    row(Need::UpdateRule, "Rules", &["events:ListTargetsByRule", "events:PutTargets"],
        "arn:{partition}:events:{region}:{account}:rule/{name}",
        "`ecs-scheduled` with `rule`"),
    row(Need::DescribeRule, "Rules", &["events:ListTargetsByRule"],
        "arn:{partition}:events:{region}:{account}:rule/{name}",
        "`status` with `ecs-scheduled` with `rule`"),
    conditional(Need::PassRuleRole, "RuleRoles", &["iam:PassRole"], ROLES, passed_to("events.amazonaws.com"),
        "`ecs-scheduled` with `rule`: the role of the target"),
    row(Need::UpdateFunction, "Functions",
        &["lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:UpdateFunctionCode"], "{function}",
        "`lambda`"),
    row(Need::DescribeFunction, "Functions", &["lambda:GetFunction"], "{function}",
        "`status` with `lambda`; with `alias`, on its versions and the alias"),
    row(Need::MoveAlias, "Functions", &["lambda:GetAlias", "lambda:PublishVersion", "lambda:UpdateAlias"], "{function}",
        "`lambda` with `alias`"),
    row(Need::LookAtVersions, "FunctionVersions", &["lambda:GetFunction", "lambda:GetFunctionConfiguration"], "{function}:*",
        "`lambda` with `alias`: its versions and the alias"),
    row(Need::ListAppRunnerServices, "ListAppRunnerServices", &["apprunner:ListServices"], "*",
        "`apprunner`, for services that are given by name"),
    row(Need::UpdateAppRunnerService, "AppRunnerServices",
        &["apprunner:DescribeService", "apprunner:ListOperations", "apprunner:UpdateService"], "{service}",
        "`apprunner`"),
    row(Need::DescribeAppRunnerService, "AppRunnerServices", &["apprunner:DescribeService"], "{service}",
        "`status` with `apprunner`"),
    conditional(Need::PassAppRunnerRole, "AccessRoles", &["iam:PassRole"], ROLES, passed_to("build.apprunner.amazonaws.com"),
        "`apprunner`: the role that it pulls with"),
    row(Need::ListState, "TerraformBucket", &["s3:ListBucket"], "arn:{partition}:s3:::{bucket}",
        "Terraform's backend `s3`"),
    row(Need::KeepState, "TerraformState", &["s3:GetObject", "s3:PutObject"], "arn:{partition}:s3:::{bucket}/{key}",
        "Terraform's backend `s3`"),
    row(Need::LockStateWithFile, "TerraformLockFiles", &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "arn:{partition}:s3:::{bucket}/{key}.tflock",
        "`use_lockfile` of the backend `s3`"),
    row(Need::LockStateWithTable, "TerraformLockTable",
        &["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"],
        "arn:{partition}:dynamodb:{region}:{account}:table/{table}",
        "`dynamodb_table` of the backend `s3`"),
    row(Need::EncryptState, "TerraformStateKey", &["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], "{key}",
        "`kms_key_id` of the backend `s3`"),
];
