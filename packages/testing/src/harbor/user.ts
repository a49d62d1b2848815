import type { HarborState } from './harbor-state.ts'
import type { User } from './model.ts'

export function createUser(state: HarborState, { name, password, email, realname, isAdmin }: Omit<User, 'id' | 'createdAt'>): User {
  const user: User = { id: state.nextId('user'), name, password, email, realname, isAdmin, createdAt: Date.now() }
  state.users.set(user.id, user)
  return user
}
