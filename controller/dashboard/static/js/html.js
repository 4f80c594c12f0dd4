/**
 * How pages are written: `html` is a tagged template of Preact elements. Text is text: nothing that
 * anybody logged or typed is ever read as HTML, and innerHTML is not used anywhere (a test looks).
 */
import htm from "htm";
import { h } from "preact";

export { Component, Fragment, render } from "preact";
export {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "preact/hooks";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
