export { escapeName } from './escape-name.js'
export { big64, i32, i64, u16, u32, u64, u8, type Scalar } from './types.js'
export { filled, markdownTable } from './markdown.js'
export { struct, type Fields, type Struct, type Values } from './struct.js'
