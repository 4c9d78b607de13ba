import { html } from "../../vendor/lit-html/lit-html.js";
import { linkTo } from "../router.js";
import { sortedPlaces } from "../store/places.js";

export const sidebar = (state) => {
  const { rooms, conversations } = sortedPlaces(state.places);
  return html`<nav>${[...rooms, ...conversations].map((place) => html`<a href=${linkTo(place.key)}>${place.title}</a>`)}</nav>`;
};
