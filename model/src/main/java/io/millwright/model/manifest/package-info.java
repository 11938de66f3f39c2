/**
 * Manifests: how resources are written down in YAML and JSON, read strictly and compared.
 *
 * <p>Reading costs no more than its input's size allows: there are limits on bytes, values,
 * nesting, aliases and violations, and none of them is a setting.
 */
@org.jspecify.annotations.NullMarked
package io.millwright.model.manifest;
