// Claims about types that the compiler checks.

/** Whether two types are the same, `any`, `readonly` and optional modifiers told apart. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Whether a type is `any`. */
export type IsAny<T> = 0 extends 1 & T ? true : false

/** Whether `any` is in a type, or anywhere below it. */
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

/** Whether a type is `false`. */
export type Not<T extends boolean> = [T] extends [false] ? true : false
