/** A page that fails while it is drawn says so, and takes neither the frame nor other pages along. */
import { Component, html } from "../html.js";
import { Failure } from "./states.js";

/** @extends {Component<{children?: any}, {error: Error | null}>} */
export class Boundary extends Component {
  /** @param {{children?: any}} props */
  constructor(props) {
    super(props);
    this.state = { error: /** @type {Error | null} */ (null) };
  }

  /** @param {unknown} error */
  static getDerivedStateFromError(error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  /** @param {unknown} error */
  componentDidCatch(error) {
    console.error(error);
  }

  render() {
    if (!this.state.error) return this.props.children;
    const error = new Error(`This page failed: ${this.state.error.message}`);
    return html`<h1>Something is wrong</h1>
      <${Failure} error=${error} retry=${() => location.reload()} />`;
  }
}
