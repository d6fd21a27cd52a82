import { VolumeAnswer, VolumeCreateRequest, VolumeListQuery, VolumeUpdateRequest } from "@dormouse/schema";
import type { OperationGroup } from "../operation.ts";
import { VolumePage } from "../shapes.ts";

export const volumes: OperationGroup = {
  tag: "Volumes",
  description: "Disks of a size that outlive the sandboxes they are attached to, one at a time.",
  operations: [
    {
      method: "post",
      path: "/volumes",
      id: "createVolume",
      summary: "Create a volume",
      body: VolumeCreateRequest,
      answer: VolumeAnswer,
      errors: ["VOLUME_ALREADY_EXISTS", "HOST_FULL", "ENGINE_UNAVAILABLE"],
    },
    {
      method: "get",
      path: "/volumes",
      id: "listVolumes",
      summary: "List the volumes of the workspace",
      query: VolumeListQuery,
      answer: VolumePage,
    },
    {
      method: "get",
      path: "/volumes/by-external-id/{externalId}",
      id: "getVolumeByExternalId",
      summary: "Read the newest volume with an id of your own",
      answer: VolumeAnswer,
      errors: ["VOLUME_NOT_FOUND"],
    },
    {
      method: "get",
      path: "/volumes/{name}",
      id: "getVolume",
      summary: "Read a volume",
      answer: VolumeAnswer,
      errors: ["VOLUME_NOT_FOUND"],
    },
    {
      method: "put",
      path: "/volumes/{name}",
      id: "updateVolume",
      summary: "Change a volume or let it grow",
      body: VolumeUpdateRequest,
      answer: VolumeAnswer,
      errors: ["VOLUME_NOT_FOUND", "HOST_FULL", "ENGINE_UNAVAILABLE"],
    },
    {
      method: "delete",
      path: "/volumes/{name}",
      id: "deleteVolume",
      summary: "Delete a volume that no sandbox has",
      answer: VolumeAnswer,
      errors: ["VOLUME_NOT_FOUND", "VOLUME_IN_USE", "ENGINE_UNAVAILABLE"],
    },
  ],
};
