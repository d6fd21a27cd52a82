import {
  VolumeTemplateAnswer,
  VolumeTemplateQuery,
  VolumeTemplateRequest,
  VolumeTemplateVersionAnswer,
  VolumeTemplateVersionDeletion,
} from "@dormouse/schema";
import type { OperationGroup } from "../operation.ts";
import { VolumeTemplateList } from "../shapes.ts";

export const volumeTemplates: OperationGroup = {
  tag: "Volume templates",
  description:
    "Files that new volumes begin with, in versions. With `upload=true` the header `X-Blaxel-Upload-Url` of the answer says where to `PUT` a version as a ZIP file or a TAR file, with or without gzip: once, within an hour, without a credential.",
  operations: [
    {
      method: "get",
      path: "/volume_templates",
      id: "listVolumeTemplates",
      summary: "List the volume templates of the workspace",
      answer: VolumeTemplateList,
    },
    {
      method: "post",
      path: "/volume_templates",
      id: "createVolumeTemplate",
      summary: "Create a volume template, with a version to upload on request",
      query: VolumeTemplateQuery,
      body: VolumeTemplateRequest,
      answer: VolumeTemplateAnswer,
      errors: ["VOLUME_TEMPLATE_ALREADY_EXISTS", "ENGINE_UNAVAILABLE"],
    },
    {
      method: "get",
      path: "/volume_templates/{name}",
      id: "getVolumeTemplate",
      summary: "Read a volume template and its versions",
      answer: VolumeTemplateAnswer,
      errors: ["VOLUME_TEMPLATE_NOT_FOUND"],
    },
    {
      method: "put",
      path: "/volume_templates/{name}",
      id: "updateVolumeTemplate",
      summary: "Change a volume template or create it, with a version to upload on request",
      query: VolumeTemplateQuery,
      body: VolumeTemplateRequest,
      answer: VolumeTemplateAnswer,
      errors: ["VOLUME_TEMPLATE_ALREADY_EXISTS", "ENGINE_UNAVAILABLE"],
    },
    {
      method: "delete",
      path: "/volume_templates/{name}",
      id: "deleteVolumeTemplate",
      summary: "Delete a volume template; volumes made of it stay",
      answer: VolumeTemplateAnswer,
      errors: ["VOLUME_TEMPLATE_NOT_FOUND", "ENGINE_UNAVAILABLE"],
    },
    {
      method: "delete",
      path: "/volume_templates/{name}/versions/{version}",
      id: "deleteVolumeTemplateVersion",
      summary: "Delete a version that is not the only one; volumes made of it stay",
      answer: VolumeTemplateVersionDeletion,
      errors: ["VOLUME_TEMPLATE_NOT_FOUND", "INVALID_ARGUMENT", "ENGINE_UNAVAILABLE"],
    },
    {
      method: "put",
      path: "/volume_uploads/{token}",
      id: "uploadVolumeTemplateVersion",
      summary: "Upload a version as a ZIP or TAR file; answered when volumes can be made of it",
      answer: VolumeTemplateVersionAnswer,
      errors: ["INVALID_ARGUMENT", "FORBIDDEN", "TOO_LARGE", "RATE_LIMITED", "HOST_FULL", "ENGINE_UNAVAILABLE"],
      isPublic: true,
    },
  ],
};
