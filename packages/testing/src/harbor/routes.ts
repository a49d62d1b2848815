// The operations of Harbor's swagger file that are here. https://github.com/goharbor/harbor/blob/v2.12.0/api/v2.0/swagger.yaml
import { addLabel, deleteArtifact, getArtifact, listAccessories, listArtifacts, removeLabel } from './api/artifacts.ts'
import { createTag, deleteTag, listTags } from './api/artifact-tags.ts'
import { CreateImmuRule, DeleteImmuRule, ListImmuRules, UpdateImmuRule } from './api/immutable-rules.ts'
import { CreateLabel, DeleteLabel, GetLabelByID, ListLabels, UpdateLabel } from './api/labels.ts'
import { createProjectMember, deleteProjectMember, getProjectMember, listProjectMembers, updateProjectMember } from './api/members.ts'
import { getQuota, listQuotas, updateQuota } from './api/quotas.ts'
import { createRegistry, deleteRegistry, getRegistry, listRegistries } from './api/registries.ts'
import { addProjectMetadatas, deleteProjectMetadata, getProjectMetadata, listProjectMetadatas, updateProjectMetadata } from './api/metadata.ts'
import { createProject, deleteProject, getProject, getProjectDeletable, getProjectSummary, headProject, listProjects, updateProject } from './api/projects.ts'
import { deleteRepository, getRepository, listAllRepositories, listRepositories, updateRepository } from './api/repositories.ts'
import { createRetention, deleteRetention, getRetention, updateRetention } from './api/retentions.ts'
import { createRobot, deleteRobot, getRobotByID, listRobot, refreshSec, updateRobot } from './api/robots.ts'
import { getConfigurations, getHealth, getPing, getSystemInfo, updateConfigurations } from './api/system.ts'
import { createUser, deleteUser, getCurrentUserInfo, getUser, listUsers, searchUsers, setUserSysAdmin } from './api/users.ts'
import {
  CreateWebhookPolicyOfProject, DeleteWebhookPolicyOfProject, GetSupportedEventTypes, GetWebhookPolicyOfProject, ListWebhookPoliciesOfProject,
  UpdateWebhookPolicyOfProject,
} from './api/webhooks.ts'
import type { Handler } from './call.ts'
import type { Route } from './route.ts'

function at(path: string, methods: Readonly<Record<string, Handler>>): readonly Route[] {
  return Object.entries(methods).map(([method, act]) => ({ method, path, operation: act.name, act }))
}

export const routes: readonly Route[] = [
  at('/ping', { GET: getPing }),
  at('/health', { GET: getHealth }),
  at('/systeminfo', { GET: getSystemInfo }),
  at('/configurations', { GET: getConfigurations, PUT: updateConfigurations }),
  at('/users', { GET: listUsers, POST: createUser }),
  at('/users/current', { GET: getCurrentUserInfo }),
  at('/users/search', { GET: searchUsers }),
  at('/users/{user_id}', { GET: getUser, DELETE: deleteUser }),
  at('/users/{user_id}/sysadmin', { PUT: setUserSysAdmin }),
  at('/registries', { GET: listRegistries, POST: createRegistry }),
  at('/registries/{id}', { GET: getRegistry, DELETE: deleteRegistry }),
  at('/robots', { GET: listRobot, POST: createRobot }),
  at('/robots/{robot_id}', { GET: getRobotByID, PUT: updateRobot, PATCH: refreshSec, DELETE: deleteRobot }),
  at('/projects', { GET: listProjects, HEAD: headProject, POST: createProject }),
  at('/projects/{project_name_or_id}', { GET: getProject, PUT: updateProject, DELETE: deleteProject }),
  at('/projects/{project_name_or_id}/_deletable', { GET: getProjectDeletable }),
  at('/projects/{project_name_or_id}/summary', { GET: getProjectSummary }),
  at('/projects/{project_name_or_id}/metadatas/', { GET: listProjectMetadatas, POST: addProjectMetadatas }),
  at('/projects/{project_name_or_id}/metadatas/{meta_name}', { GET: getProjectMetadata, PUT: updateProjectMetadata, DELETE: deleteProjectMetadata }),
  at('/projects/{project_name_or_id}/members', { GET: listProjectMembers, POST: createProjectMember }),
  at('/projects/{project_name_or_id}/members/{mid}', { GET: getProjectMember, PUT: updateProjectMember, DELETE: deleteProjectMember }),
  at('/projects/{project_name_or_id}/immutabletagrules', { GET: ListImmuRules, POST: CreateImmuRule }),
  at('/projects/{project_name_or_id}/immutabletagrules/{immutable_rule_id}', { PUT: UpdateImmuRule, DELETE: DeleteImmuRule }),
  at('/projects/{project_name_or_id}/webhook/policies', { GET: ListWebhookPoliciesOfProject, POST: CreateWebhookPolicyOfProject }),
  at('/projects/{project_name_or_id}/webhook/policies/{webhook_policy_id}', {
    GET: GetWebhookPolicyOfProject, PUT: UpdateWebhookPolicyOfProject, DELETE: DeleteWebhookPolicyOfProject,
  }),
  at('/projects/{project_name_or_id}/webhook/events', { GET: GetSupportedEventTypes }),
  at('/quotas', { GET: listQuotas }),
  at('/quotas/{id}', { GET: getQuota, PUT: updateQuota }),
  at('/labels', { GET: ListLabels, POST: CreateLabel }),
  at('/labels/{label_id}', { GET: GetLabelByID, PUT: UpdateLabel, DELETE: DeleteLabel }),
  at('/retentions', { POST: createRetention }),
  at('/retentions/{id}', { GET: getRetention, PUT: updateRetention, DELETE: deleteRetention }),
  at('/repositories', { GET: listAllRepositories }),
  at('/projects/{project_name}/repositories', { GET: listRepositories }),
  at('/projects/{project_name}/repositories/{repository_name}', { GET: getRepository, PUT: updateRepository, DELETE: deleteRepository }),
  at('/projects/{project_name}/repositories/{repository_name}/artifacts', { GET: listArtifacts }),
  at('/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}', { GET: getArtifact, DELETE: deleteArtifact }),
  at('/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags', { GET: listTags, POST: createTag }),
  at('/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags/{tag_name}', { DELETE: deleteTag }),
  at('/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/accessories', { GET: listAccessories }),
  at('/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/labels', { POST: addLabel }),
  at('/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/labels/{label_id}', { DELETE: removeLabel }),
].flat()
