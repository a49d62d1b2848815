// The operations of Harbor's swagger file that are here. https://github.com/goharbor/harbor/blob/v2.12.0/api/v2.0/swagger.yaml
import { createRegistry, deleteRegistry, getRegistry, listRegistries } from './api/registries.ts'
import { addProjectMetadatas, deleteProjectMetadata, getProjectMetadata, listProjectMetadatas, updateProjectMetadata } from './api/metadata.ts'
import { createProject, deleteProject, getProject, getProjectDeletable, getProjectSummary, headProject, listProjects, updateProject } from './api/projects.ts'
import { createRobot, deleteRobot, getRobotByID, listRobot, refreshSec, updateRobot } from './api/robots.ts'
import { getConfigurations, getHealth, getPing, getSystemInfo, updateConfigurations } from './api/system.ts'
import { createUser, deleteUser, getCurrentUserInfo, getUser, listUsers, searchUsers, setUserSysAdmin } from './api/users.ts'
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
].flat()
