/** Light, dark, or as the system has it; nothing is stored. */
const themes = ['auto', 'light', 'dark'] as const

export function followTheme(changed: () => void): void {
  const root = document.documentElement
  for (const input of document.querySelectorAll<HTMLInputElement>('input[name=theme]')) {
    input.addEventListener('change', () => {
      const theme = themes.find((each) => each === input.value) ?? 'auto'
      if (theme === 'auto') delete root.dataset['theme']
      else root.dataset['theme'] = theme
      changed()
    })
  }
}
