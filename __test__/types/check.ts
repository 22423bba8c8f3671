// Claims about types that the compiler checks.

/** `true` if two types are identical, including `any`, `readonly` and optional modifiers. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** `true` if a type is `any`. */
export type IsAny<T> = 0 extends 1 & T ? true : false

/** `true` if a type is `any` or contains it at any depth. */
export type HasAny<T> =
  IsAny<T> extends true
    ? true
    : T extends string | number | boolean | null | undefined | Date | Uint8Array
      ? false
      : T extends Promise<infer Result>
        ? HasAny<Result>
        : T extends readonly (infer Element)[]
          ? HasAny<Element>
          : T extends (...args: infer Arguments) => infer Result
            ? HasAny<Arguments> | HasAny<Result>
            : T extends object
              ? { [Key in keyof T]-?: HasAny<T[Key]> }[keyof T]
              : false

/** Compiles only when `T` is `true`. */
export type Claim<T extends true> = T

/** `true` if a type is `false`. */
export type Not<T extends boolean> = [T] extends [false] ? true : false
