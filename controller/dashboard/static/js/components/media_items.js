/**
 * Media in W&B's JSON, as items that can be drawn one by one: lists taken apart, overlays with them.
 * Pure. Neighbours: media.js (draws), controller's loggers (logging_core/media says the forms).
 */

/**
 * @typedef {Record<string, any> & {_type: string}} MediaValue
 * @typedef {MediaValue & {path?: string, caption?: string}} MediaItem
 */

const OF_LISTS = new Map(
  /** @type {[string, [string, string]][]} */ ([
    ["images/separated", ["image-file", "media/images/"]],
    ["audio", ["audio-file", "media/audio/"]],
    ["videos", ["video-file", "media/videos/"]],
    ["html", ["html-file", "media/html/"]],
    ["object3D", ["object3D-file", "media/object3D/"]],
    ["molecule", ["molecule-file", "media/molecule/"]],
  ]),
);
const MEMBERS = ["audio", "videos", "html", "objects"];

/** What a value consists of: itself, or the members of its list. @param {MediaValue} value @returns {MediaItem[]} */
export function itemsOf(value) {
  const known = OF_LISTS.get(value._type);
  if (!known) return [value];
  const [_type, folder] = known;
  const told = MEMBERS.map((name) => value[name]).find(Array.isArray);
  const captions = Array.isArray(value.captions) ? value.captions : [];
  if (told)
    return told.map((/** @type {any} */ one, /** @type {number} */ i) =>
      withCaption({ ...one, _type: one._type ?? _type }, captions[i]),
    );
  const names = Array.isArray(value.filenames) ? value.filenames : [];
  return names.map((/** @type {string} */ name, /** @type {number} */ i) =>
    withCaption(
      {
        _type,
        path: name.includes("/") && name.startsWith("media/") ? name : folder + name,
        width: value.width,
        height: value.height,
        boxes: value.all_boxes?.[i] ?? undefined,
        masks: value.all_masks?.[i] ?? undefined,
      },
      captions[i],
    ),
  );
}

/** The files of a table, which the server reads as one (tables.py); null: it is no table.
 * @param {Record<string, any>} value @returns {string[] | null} */
export function tableFiles({ _type, path, previous_increments_paths: before }) {
  if (!String(_type).includes("table") || typeof path !== "string") return null;
  return [...(Array.isArray(before) ? before : []), path];
}

/** @param {MediaItem} item @param {unknown} caption @returns {MediaItem} */
function withCaption(item, caption) {
  return typeof caption === "string" && caption && !item.caption ? { ...item, caption } : item;
}

/** @typedef {{kind: "boxes" | "masks", name: string, path: string | null, data: any}} Overlay */

/** The overlays of an image. @param {MediaItem} item @returns {Overlay[]} */
export function overlaysOf(item) {
  /** @type {Overlay[]} */
  const found = [];
  for (const kind of /** @type {const} */ (["boxes", "masks"]))
    for (const [name, told] of Object.entries(item[kind] ?? {})) {
      const data = Array.isArray(told)
        ? { box_data: told }
        : Array.isArray(told?.box_data)
          ? told
          : null;
      if (typeof told?.path === "string" || data)
        found.push({ kind, name, path: told.path ?? null, data });
    }
  return found;
}

/**
 * A box in pixels of its image. @param {any} box as logged @param {number} width @param {number} height
 * @returns {{x: number, y: number, width: number, height: number} | null}
 */
export function placeOf(box, width, height) {
  const { position, domain } = box ?? {};
  if (!position) return null;
  const [sx, sy] = domain === "pixel" ? [1, 1] : [width, height];
  if (Array.isArray(position.middle)) {
    const [w, h] = [position.width * sx, position.height * sy];
    return {
      x: position.middle[0] * sx - w / 2,
      y: position.middle[1] * sy - h / 2,
      width: w,
      height: h,
    };
  }
  const [x, y] = [position.minX * sx, position.minY * sy];
  return { x, y, width: position.maxX * sx - x, height: position.maxY * sy - y };
}

/**
 * The names of classes that the run's config keeps for a key.
 * @param {any} config @param {string} key of the image @param {Overlay} overlay
 * @returns {Record<string, string>}
 */
export function classLabels(config, key, { kind, name, data }) {
  const place = kind === "masks" ? "mask/class_labels" : "bounding_box/class_labels";
  const kept = config?._wandb?.[place]?.[`${key}_wandb_delimeter_${name}`]?.value;
  return { ...kept, ...data?.class_labels };
}

/** Tells a film that is a picture (GIF) from others. @param {MediaItem} item */
export function isPicture(item) {
  return item._type === "image-file" || /\.gif$/i.test(item.path ?? "");
}

/**
 * Points of an Object3D: [x y z], [x y z category] or [x y z r g b] each.
 * @param {any} told a list of points, or a scene
 * @returns {{points: number[][], boxes: any[]} | null}
 */
export function sceneOf(told) {
  const points = Array.isArray(told) ? told : told?.points;
  if (!Array.isArray(points)) return null;
  const boxes = Array.isArray(told?.boxes) ? told.boxes : [];
  return { points: points.filter((each) => Array.isArray(each) && each.length >= 3), boxes };
}
